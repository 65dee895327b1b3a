/**
 * Calls under way together, from one client thread: by promises, and by prepared calls that are kept in flight. With
 * more workers than cores all of them poll, and so yield to each other.
 */

import type { Lease, PreparedCall } from "../mod.ts";
import { toRow } from "./rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "./times.ts";
import { withLease } from "./with_lease.ts";

const BYTES = 64;
const WORKERS = [1, 2, 4, 8];
/** Calls in flight on each worker. */
const IN_FLIGHT = [1, 2, 4, 8, 16, 32, 64];
/** Calls of a chunk, for each in flight; a chunk is timed as a whole, since reading the counter costs a call's tenth. */
const CHUNK = 100;

export async function throughputSuite(bench: Bench): Promise<void> {
  for (const workers of WORKERS) {
    await bench.attempt(`throughput with ${workers} workers`, () =>
      withLease(
        { workers, depth: IN_FLIGHT.at(-1)!, maxBytes: 4096, hotMs: 1000 },
        (lease) => measure(bench, lease, workers),
        { cores: WORKERS.at(-1)! },
      ));
  }
}

async function measure(bench: Bench, lease: Lease, workers: number): Promise<void> {
  const named = (kind: string, inFlight: number) =>
    `${kind}, ${inFlight} in flight, ${workers} worker${workers > 1 ? "s" : ""}`;
  const inFlights = bench.quick ? IN_FLIGHT.filter((_, i) => i % 2 === 0) : IN_FLIGHT;
  for (const inFlight of inFlights) {
    const path = named("prepared", inFlight);
    bench.progress(`throughput: ${path}`);
    const calls = Array.from(
      { length: inFlight * workers },
      (_, i) => lease.prepare("echo", { bytes: BYTES, resultBytes: BYTES, worker: i % workers }),
    );
    try {
      for (const call of calls) call.start();
      await addRow(bench, path, (total) => runPrepared(calls, total, workers), calls.length);
      for (const call of calls) call.finish();
    } finally {
      for (const call of calls) call.close();
    }
  }
  for (const inFlight of inFlights) {
    const path = named("invoke", inFlight);
    bench.progress(`throughput: ${path}`);
    const together = inFlight * workers;
    await addRow(bench, path, (total) => runPromises(lease, together, total), together);
  }
}

/** Runs chunks for a while; a sample of the row is the mean time of a chunk's calls. */
async function addRow(
  bench: Bench,
  path: string,
  run: (calls: number) => Promise<void> | void,
  together: number,
): Promise<void> {
  const runMs = bench.quick ? 60 : 600;
  const chunk = CHUNK * together;
  const times = new Times();
  let calls = 0;
  for (const [counts, forMs] of [[false, runMs / 3], [true, runMs]] as const) {
    const untilMs = performance.now() + forMs;
    do {
      const before = bench.cycles();
      await run(chunk);
      if (!counts) continue;
      times.add((bench.cycles() - before) / bench.perUs / chunk);
      calls += chunk;
    } while (performance.now() < untilMs);
  }
  bench.add({ ...toRow("throughput", path, BYTES, times), n: calls });
}

async function runPromises(lease: Lease, inFlight: number, calls: number): Promise<void> {
  const payload = new Uint8Array(BYTES).fill(7);
  let left = calls;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await lease.invoke("echo", payload);
  }));
}

/** All are in flight, before and after: each is finished and started again until so many have been finished. */
function runPrepared(calls: readonly PreparedCall[], total: number, workers: number): void {
  if (workers === 1) { // replies come in order
    for (let done = 0; done < total; done += calls.length) {
      for (const call of calls) {
        call.finish();
        call.start();
      }
    }
    return;
  }
  for (let done = 0; done < total;) {
    const before = done;
    for (const call of calls) {
      if (!call.done()) continue;
      call.finish();
      call.start();
      done++;
    }
    if (done > before) continue;
    calls[0]!.finish(); // waits, and yields where pollers outnumber cores
    calls[0]!.start();
    done++;
  }
}
