/**
 * Private data to and from a program of rdma-core.
 *
 * Its rping sends none. Its rstream uses rsockets, which send version, flags, credits, reserved, then two ranges of 16
 * bytes each (struct rs_conn_data in librdmacm/rsocket.c), and refuse a version other than their own.
 */

import { assert, assertEquals } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection, Provider } from "../../../fabric/fabric.ts";
import { openVerbs } from "../../../fabric/verbs/provider.ts";
import { Program } from "../../support/fabric/rping.ts";
import { limitMs } from "../../support/time_factor.ts";

const VERSION = 1;
const HELLO_BYTES = 40;
const PROGRAM_MS = limitMs(20_000);
const CONNECT_MS = limitMs(2_000);

function rstream(...args: string[]): Program {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  return new Program(new Deno.Command("rstream", { args, ...pipes }).spawn(), PROGRAM_MS);
}

/** The first private data of rsockets. The ranges are not used before data is sent. */
function hello(version: number): Uint8Array {
  const bytes = new Uint8Array(HELLO_BYTES);
  bytes[0] = version;
  new DataView(bytes.buffer).setUint16(2, 16); // credits
  return bytes;
}

function checkHello(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  assertEquals(view.getUint8(0), VERSION);
  assert(view.getUint16(2) > 0, "credits");
  for (const at of [8, 24]) assert(view.getBigUint64(at) > 0n, `no address at ${at}`);
  assertEquals(bytes.subarray(HELLO_BYTES), new Uint8Array(bytes.length - HELLO_BYTES));
}

/** Starts a foreign server at an address without a listener. */
async function startServer(provider: Provider): Promise<{ address: string; server: Program }> {
  using listener = await provider.listen();
  const { address } = listener;
  const [, host, port] = /^verbs:\/\/(.*):(\d+)$/.exec(address)!;
  listener.close();
  return { address, server: rstream("-b", host!, "-p", port!) };
}

/** Tries to connect until the server listens. */
async function connectOnceListening(
  provider: Provider,
  address: string,
  privateData: Uint8Array,
): Promise<Connection> {
  const untilMs = performance.now() + PROGRAM_MS;
  const options = { arenaBytes: 4096, privateData, timeoutMs: CONNECT_MS };
  for (;;) {
    try {
      return await provider.connect(address, options);
    } catch (error) {
      const refused = error instanceof FabricError && error.code === "refused";
      if (!refused || performance.now() > untilMs) throw error;
    }
  }
}

Deno.test("verbs: the private data of a foreign client arrives", async () => {
  await using provider = openVerbs();
  using listener = await provider.listen();
  const [, host, port] = /^verbs:\/\/(.*):(\d+)$/.exec(listener.address)!;
  await using client = rstream("-s", host!, "-p", port!, "-S", "64", "-C", "1");
  const request = await listener.accept({ signal: AbortSignal.timeout(PROGRAM_MS) });
  checkHello(request!.privateData);
  request!.reject();
  assert(await client.code !== 0, "it was refused");
});

Deno.test("verbs: a foreign server accepts our private data and answers with its own", async () => {
  await using provider = openVerbs();
  const { address, server } = await startServer(provider);
  await using _ended = server;
  using connection = await connectOnceListening(provider, address, hello(VERSION));
  checkHello(connection.privateData);
});

Deno.test("verbs: a foreign server rejects private data of another version", async () => {
  await using provider = openVerbs();
  const { address, server } = await startServer(provider);
  await using _ended = server;
  const outcome = await connectOnceListening(provider, address, hello(VERSION + 1)).then(
    (connection) => connection.close(),
    (error) => error,
  );
  assert(outcome instanceof FabricError, "it was accepted");
  assert(["rejected", "peer"].includes(outcome.code), outcome.message);
});
