/**
 * What a call costs in our own instructions: both ends in one thread, which take turns, so that there is nothing to wait
 * for and no cache line that changes cores. The least noisy of all suites, and so the one to optimise by.
 *
 * The parts are timed in bursts of as many calls as are under way, since reading the counter costs as much as a part.
 */

import { calibrateCycles } from "./cycles.ts";
import { type OneThread, openOneThread } from "./one_thread.ts";
import { type Row, toRow } from "./rows.ts";

/** Calls under way: a burst of a part has so many. */
const DEPTH = 16;
/** Until everything is compiled by the last of V8's compilers. */
const WARM_UP_BURSTS = 20_000;
/** Looks in vain a burst, of which a spin makes many. */
const MISSES = 256;

export interface OverheadOptions {
  readonly cycles: () => number;
  /** Bursts a size. */
  readonly bursts: number;
  readonly onProgress: (text: string) => void;
}

const FUNCTIONS = {
  /** Touches nothing: what is left is rfaas. */
  nothing: (input: Uint8Array) => input.length,
  echo: (input: Uint8Array, output: Uint8Array) => {
    output.set(input);
    return input.length;
  },
};

/** @returns rows of the parts, in microseconds a call; a sample is the mean of a burst. */
export async function overheadSuite(options: OverheadOptions): Promise<Row[]> {
  const { cycles, bursts, onProgress } = options;
  await using ends = await openOneThread({ depth: DEPTH, maxBytes: 4096, functions: FUNCTIONS });
  const perUs = calibrateCycles(cycles);
  const rows: Row[] = [];
  for (const [name, bytes] of [["nothing", 64], ["echo", 64], ["echo", 4096]] as const) {
    onProgress(`overhead, ${name}, ${bytes} bytes`);
    const parts = measureParts(ends, { cycles, bursts, name, bytes });
    for (const [part, times] of Object.entries(parts)) {
      const row = toRow("overhead", `${name}: ${part}`, bytes, times.map((each) => each / perUs));
      rows.push({ ...row, n: bursts * DEPTH });
    }
  }
  onProgress("overhead, looks in vain");
  const misses = measureMisses(ends, cycles, bursts);
  for (const [part, times] of Object.entries(misses)) {
    const row = toRow("overhead", part, 0, times.map((each) => each / perUs));
    rows.push({ ...row, n: bursts * MISSES });
  }
  return rows;
}

interface PartsOptions {
  readonly cycles: () => number;
  readonly bursts: number;
  readonly name: keyof typeof FUNCTIONS;
  readonly bytes: number;
}

/** Cycles a call of each part. */
function measureParts(
  ends: OneThread,
  { cycles, bursts, name, bytes }: PartsOptions,
): Record<string, Float64Array> {
  const { server } = ends;
  const calls = Array.from({ length: DEPTH }, () => ends.prepare(name, bytes));
  const start = new Float64Array(bursts);
  const serve = new Float64Array(bursts);
  const finish = new Float64Array(bursts);
  const burst = (at: number) => {
    const began = cycles();
    for (let i = 0; i < DEPTH; i++) calls[i]!.start(bytes);
    const started = cycles();
    for (let i = 0; i < DEPTH; i++) {
      if (!server.serveNext()) throw new Error(`Cannot go on: ${server.broken || "no request"}`);
    }
    const served = cycles();
    for (let i = 0; i < DEPTH; i++) calls[i]!.finish();
    const finished = cycles();
    start[at] = (started - began) / DEPTH;
    serve[at] = (served - started) / DEPTH;
    finish[at] = (finished - served) / DEPTH;
  };
  try {
    for (let i = 0; i < WARM_UP_BURSTS; i++) burst(i % bursts);
    for (let i = 0; i < bursts; i++) burst(i);
  } finally {
    for (const call of calls) call.close();
  }
  return {
    "client, start": start,
    "client, finish": finish,
    "client": start.map((each, i) => each + finish[i]!),
    "worker": serve,
    "both": serve.map((each, i) => each + start[i]! + finish[i]!),
  };
}

/** Cycles a look that finds nothing. */
function measureMisses(
  { session, server }: OneThread,
  cycles: () => number,
  bursts: number,
): Record<string, Float64Array> {
  const client = new Float64Array(bursts);
  const worker = new Float64Array(bursts);
  const burst = (at: number) => {
    const began = cycles();
    for (let i = 0; i < MISSES; i++) session.poll();
    const between = cycles();
    for (let i = 0; i < MISSES; i++) server.serveNext();
    client[at] = (between - began) / MISSES;
    worker[at] = (cycles() - between) / MISSES;
  };
  for (let i = 0; i < WARM_UP_BURSTS / 10; i++) burst(i % bursts);
  for (let i = 0; i < bursts; i++) burst(i);
  return { "client, look in vain": client, "worker, look in vain": worker };
}
