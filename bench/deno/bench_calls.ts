/**
 * A lease and other transports of a host, for the `deno bench` files that compare them.
 *
 * Each file has one group: `deno bench` keeps at least 5 KB of each asynchronous operation of Deno (sockets, fetch) until
 * the file ends, and V8 would collect the garbage of one group while the next one is timed (pauses of 40 to 500 ms).
 *
 * @module
 */
import { LocalManagers } from "../../cli/children/local_managers.ts";
import { type Client, connect, type Lease } from "../../mod.ts";
import type { Contender } from "../contender.ts";
import { fetchContender, postMessageContender, unixContender } from "../peers/sockets.ts";
import { FUNCTIONS } from "../suites/with_lease.ts";

/** How long a worker polls after its last call. */
const HOT_MS = 10;

export interface BenchCalls {
  readonly client: Client;
  readonly lease: Lease;
  /** Other transports of a host, all asynchronous. */
  readonly fetch: Contender;
  readonly unix: Contender;
  readonly postMessage: Contender;
}

/** A cycle counter that stands still: `Deno.bench()` measures the time. */
export const still = () => 0;
/** Receives the time of one round trip, which is not used. */
export const one = new Float64Array(1);

/**
 * Opens the lease and the other transports. Nothing closes them: their processes end with this one, when their standard
 * input ends.
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

/** Registers sequential calls of `bytes`, with all ends awake. */
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
