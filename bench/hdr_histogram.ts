/** HdrHistogram, as far as the benchmarks use it. */
export { build } from "npm:hdr-histogram-js@3.0.1";
