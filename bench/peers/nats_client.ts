/** The client of NATS, as far as the benchmarks use it. */
export { connect } from "npm:@nats-io/transport-node@3.4.0";
