/**
 * A lease and what else a host offers, for the files of `deno bench` that compare them.
 *
 * One group a file: `deno bench` keeps 5 KB and more of each asynchronous operation of Deno (sockets, fetch) until the
 * file ends, and what a group left would be collected while the next one is timed (pauses of 40 to 500 ms were seen).
 *
 * @module
 */
import { LocalManagers } from "../cli/local_managers.ts";
import { type Client, connect, type Lease } from "../mod.ts";
import type { Contender } from "./contender.ts";
import { fetchContender, postMessageContender, unixContender } from "./peers/sockets.ts";
import { FUNCTIONS } from "./with_lease.ts";

/** How long a worker polls after its last call. */
const HOT_MS = 10;

export interface BenchCalls {
  readonly client: Client;
  readonly lease: Lease;
  /** What else a host offers; each asynchronous. */
  readonly fetch: Contender;
  readonly unix: Contender;
  readonly postMessage: Contender;
}

/** Deno.bench has a clock of its own. */
export const still = () => 0;
/** Room for the time of one round trip, which nobody looks at. */
export const one = new Float64Array(1);

/**
 * Opens all of it. It ends with this process, at once: the standard input of its processes does. What they can't tell
 * each other then is no matter.
 */
export async function openBenchCalls(): Promise<BenchCalls> {
  const managers = await LocalManagers.start({ logLevel: "error" });
  const client = await connect(managers);
  const lease = await client.lease({ hotMs: HOT_MS, functions: FUNCTIONS, depth: 16 });
  return {
    client,
    lease,
    fetch: await fetchContender(still),
    unix: await unixContender(still),
    postMessage: postMessageContender(still),
  };
}

/** Registers calls of `bytes` one after the other, everything awake. */
export function benchHotCalls(calls: BenchCalls, bytes: number): void {
  const { lease, fetch, unix, postMessage } = calls;
  const group = `hot, ${bytes} bytes`;
  const payload = new Uint8Array(bytes).fill(7);
  const call = lease.prepare("echo", { bytes, resultBytes: bytes });
  Deno.bench(`rfaas invokeSync, ${bytes} B`, { group, baseline: true }, () => {
    call.invokeSync(bytes);
  });
  Deno.bench(`rfaas prepared invoke, ${bytes} B`, { group }, async () => {
    await call.invoke(bytes);
  });
  Deno.bench(`rfaas invoke, ${bytes} B`, { group }, async () => {
    await lease.invoke("echo", payload);
  });
  for (const peer of [fetch, unix, postMessage]) {
    Deno.bench(`${peer.path}, ${bytes} B`, { group }, () => peer.measure(payload, one));
  }
}
