/** The part of gRPC for Node that the benchmarks use. */
export { Client, credentials, Server, ServerCredentials } from "npm:@grpc/grpc-js@1.14.7";
