/** The part of the NATS client that the benchmarks use. */
export { connect } from "npm:@nats-io/transport-node@3.4.0";
