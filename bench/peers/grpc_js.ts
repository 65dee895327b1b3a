/** gRPC for Node, as far as the benchmarks use it. */
export { Client, credentials, Server, ServerCredentials } from "npm:@grpc/grpc-js@1.14.7";
