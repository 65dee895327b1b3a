/** The part of HdrHistogram that the benchmarks use. */
export { build } from "npm:hdr-histogram-js@3.0.1";
