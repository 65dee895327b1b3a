/**
 * Both ends of grpc-js, in Node, whose HTTP/2 server it is made for: bundled to one file, and run as `node FILE server`
 * and `node FILE client PORT`. The client measures: its response to a line "BYTES ROUNDS" is a line with the microseconds
 * of each round.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import { createInterface } from "node:readline";
import { Client, credentials, Server, ServerCredentials } from "./grpc_js.ts";

const PATH = "/bench/echo";
/** The default is 4 MiB. */
const UNLIMITED = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
};
/** Passes bytes without encoding, so that only gRPC is measured. */
const same = (bytes: Buffer) => bytes;

function serve(): void {
  const server = new Server(UNLIMITED);
  const echo = {
    path: PATH,
    requestStream: false as const,
    responseStream: false as const,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  };
  server.addService({ echo }, {
    echo: (call: { request: Buffer }, reply: (error: null, bytes: Buffer) => void) =>
      reply(null, call.request),
  });
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    console.log(port);
  });
  process.stdin.on("end", () => process.exit(0)).resume();
}

async function measure(port: string): Promise<void> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), UNLIMITED);
  const call = (bytes: Buffer) =>
    new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(PATH, same, same, bytes, (error, reply) => {
        if (error) reject(error);
        else if (reply?.length !== bytes.length) {
          reject(new Error("Cannot accept the reply: it has another length"));
        } else resolve();
      });
    });
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [bytes, rounds] = line.split(" ").map(Number) as [number, number];
    const payload = Buffer.alloc(bytes, 7);
    const times: string[] = [];
    for (let i = 0; i < rounds; i++) {
      const beforeMs = performance.now();
      await call(payload);
      times.push(((performance.now() - beforeMs) * 1000).toFixed(3));
    }
    console.log(times.join(" "));
  }
  process.exit(0);
}

const [role, port] = process.argv.slice(2);
if (role === "server") serve();
else await measure(port!);
