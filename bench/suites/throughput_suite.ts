/**
 * Concurrent calls from one client thread: by promises, and by prepared calls that stay in flight. With more workers than
 * cores, all of them poll, and so yield to each other.
 */

import type { Lease, PreparedCall } from "../../mod.ts";
import { alignColumns } from "../../cli/table.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "../times.ts";
import { withLease } from "./with_lease.ts";
import { roundsPerUs, workArgument } from "../work_rounds.ts";

const BYTES = 64;
const WORKERS = [1, 2, 4, 8];
/** Calls in flight on each worker. */
const IN_FLIGHT = [1, 2, 4, 8, 16, 32, 64];
/** Calls per chunk, for each in flight. A chunk is timed as a whole, since reading the counter costs a tenth of a call. */
const CHUNK = 100;
/** Computing time of the functions that show the gain of more workers, in microseconds, and the calls in flight per worker. */
const WORK_US = [5, 50];
const WORK_IN_FLIGHT = 16;
/** Their chunks are smaller, since a call takes longer. */
const WORK_CHUNK = 10;
const KINDS = ["prepared", "invoke"] as const;

export async function throughputSuite(bench: Bench): Promise<void> {
  for (const workers of WORKERS) {
    await bench.attempt(`throughput with ${workers} workers`, () =>
      withLease(
        { workers, depth: IN_FLIGHT.at(-1)!, maxBytes: 4096, hotMs: 1000 },
        async (lease) => {
          const inFlights = bench.quick ? IN_FLIGHT.filter((_, i) => i % 2 === 0) : IN_FLIGHT;
          for (const kind of KINDS) {
            for (const inFlight of inFlights) {
              await measure(bench, lease, { kind, inFlight, workers });
            }
          }
          for (const kind of KINDS) {
            for (const workUs of WORK_US) {
              await measure(bench, lease, { kind, inFlight: WORK_IN_FLIGHT, workers, workUs });
            }
          }
        },
        { cores: WORKERS.at(-1)! },
      ));
  }
  bench.addText(toText(bench));
}

/** One measurement. */
interface Case {
  readonly kind: typeof KINDS[number];
  /** Calls in flight on each worker. */
  readonly inFlight: number;
  readonly workers: number;
  /** Computing time of the function; undefined for an echo. */
  readonly workUs?: number;
}

const workersText = (workers: number) => `${workers} worker${workers > 1 ? "s" : ""}`;

function pathOf({ kind, inFlight, workers, workUs }: Case): string {
  const path = `${kind}, ${inFlight} in flight, ${workersText(workers)}`;
  return workUs === undefined ? path : `work of ${workUs} us, ${path}`;
}

async function measure(bench: Bench, lease: Lease, each: Case): Promise<void> {
  const { kind, inFlight, workers, workUs } = each;
  const path = pathOf(each);
  bench.progress(`throughput: ${path}`);
  const name = workUs === undefined ? "echo" : "work";
  const argument = workUs === undefined
    ? new Uint8Array(BYTES).fill(7)
    : workArgument(BYTES, workUs * roundsPerUs(bench.cycles, bench.perUs));
  const together = inFlight * workers;
  const chunk = together * (workUs === undefined ? CHUNK : WORK_CHUNK);
  if (kind === "invoke") {
    return await addRow(
      bench,
      path,
      chunk,
      () => runPromises(lease, name, argument, together, chunk),
    );
  }
  const calls = Array.from(
    { length: together },
    (_, i) => lease.prepare(name, { bytes: BYTES, resultBytes: BYTES, worker: i % workers }),
  );
  try {
    for (const call of calls) {
      call.input.set(argument);
      call.start();
    }
    await addRow(bench, path, chunk, () => runPrepared(calls, chunk, workers));
    for (const call of calls) call.finish();
  } finally {
    for (const call of calls) call.close();
  }
}

/** Runs chunks for a while. A sample of the row is the mean time of the calls of a chunk. */
async function addRow(
  bench: Bench,
  path: string,
  chunk: number,
  run: () => Promise<void> | void,
): Promise<void> {
  const runMs = bench.quick ? 60 : 600;
  const times = new Times();
  let calls = 0;
  for (const [counts, forMs] of [[false, runMs / 3], [true, runMs]] as const) {
    const untilMs = performance.now() + forMs;
    do {
      const before = bench.cycles();
      await run();
      if (!counts) continue;
      times.add((bench.cycles() - before) / bench.perUs / chunk);
      calls += chunk;
    } while (performance.now() < untilMs);
  }
  bench.add({ ...toRow("throughput", path, BYTES, times), n: calls });
}

async function runPromises(
  lease: Lease,
  name: string,
  argument: Uint8Array,
  inFlight: number,
  calls: number,
): Promise<void> {
  let left = calls;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await lease.invoke(name, argument);
  }));
}

/** Finishes and restarts calls until `total` are finished. All are in flight before and after. */
function runPrepared(calls: readonly PreparedCall[], total: number, workers: number): void {
  if (workers === 1) { // replies arrive in order
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
    calls[0]!.finish(); // waits, and yields if pollers outnumber cores
    calls[0]!.start();
    done++;
  }
}

/** The gain of more workers: calls per second, by the computing time of the function. */
function toText({ rows }: Bench): string {
  const lines = [["function", "called by", ...WORKERS.map(workersText)]];
  for (const kind of KINDS) {
    for (const workUs of [undefined, ...WORK_US]) {
      lines.push([
        workUs === undefined ? "echo" : `computes ${workUs} us`,
        kind,
        ...WORKERS.map((workers) => {
          const path = pathOf({
            kind,
            inFlight: WORK_IN_FLIGHT,
            workers,
            ...(workUs === undefined ? {} : { workUs }),
          });
          const row = rows.find((row) => row.suite === "throughput" && row.path === path);
          return row ? Math.round(row.per_second).toLocaleString("en") : "-";
        }),
      ]);
    }
  }
  return `throughput: calls per second with ${WORK_IN_FLIGHT} in flight on each worker, from one client thread\n` +
    alignColumns(lines, [0, 1]);
}
