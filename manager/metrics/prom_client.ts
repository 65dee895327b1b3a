/** The registry and text format of metrics. This is the only file that names its version. */
export { Counter, Gauge, Histogram, Registry } from "npm:prom-client@15.1.3";
