/** Round trips over the size of the payload: hot and warm calls beside the transports that a program would use instead. */

import { delay } from "@std/async";
import type { Lease } from "../../mod.ts";
import { invokeSyncContender } from "../calls.ts";
import type { Contender } from "../contender.ts";
import { cFloorContender } from "../peers/c_floor.ts";
import { grpcContender } from "../peers/grpc.ts";
import { natsContender } from "../peers/nats.ts";
import { fetchContender, tcpContender } from "../peers/sockets.ts";
import type { Bench } from "../suites/suite.ts";
import { withLease } from "../suites/with_lease.ts";
import { takeTurns } from "../turns.ts";

export const ROUND_TRIPS = "paper round trips";
const KIB = 1024;
/** The paper has 1 kB for most systems, and 5 MB for the bandwidth. */
const SIZES = [1, 64, KIB, 16 * KIB, 256 * KIB, KIB * KIB, 5 * KIB * KIB];
/** How long a worker polls after its last call. */
const HOT_MS = 5;
/** Longer than {@linkcode HOT_MS}: the worker sleeps, and other contenders have all cores. */
const REST_MS = 10;

export async function measureRoundTrips(bench: Bench): Promise<void> {
  const { cycles, perUs } = bench;
  const maxBytes = SIZES.at(-1)!;
  const openers: Record<string, () => Contender | Promise<Contender>> = {
    "ping-pong in C": () => cFloorContender(maxBytes),
    "TCP": () => tcpContender(cycles),
    "HTTP": () => fetchContender(cycles),
    "gRPC": () => grpcContender(perUs),
    "NATS": () => natsContender(cycles),
  };
  await withLease({ workers: 1, depth: 4, maxBytes, hotMs: HOT_MS }, async (lease) => {
    await using stack = new AsyncDisposableStack();
    const contenders = [
      invokeSyncContender(lease, cycles, { path: "rfaas hot", restMs: REST_MS }),
      warmContender(lease, cycles),
    ];
    for (const [path, open] of Object.entries(openers)) {
      bench.progress(`${ROUND_TRIPS}: opening ${path}`);
      const opened = await bench.attempt(path, open);
      if (opened) contenders.push({ ...stack.use(opened), path });
    }
    for (const bytes of SIZES) await takeTurns(bench, { suite: ROUND_TRIPS, bytes, contenders });
  }, { memoryBytes: 2 ** 30 });
}

/** Each call finds the worker asleep. */
function warmContender(lease: Lease, cycles: () => number): Contender {
  return {
    path: "rfaas warm",
    restMs: REST_MS,
    async measure(payload, times) {
      const { length } = payload;
      using call = lease.prepare("echo", { bytes: length, resultBytes: length, worker: 0 });
      for (let i = 0; i < times.length; i++) {
        await delay(REST_MS);
        const before = cycles();
        call.input.set(payload);
        call.invokeSync(length);
        times[i] = cycles() - before;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}
