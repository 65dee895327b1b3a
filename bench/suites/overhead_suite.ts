/**
 * The cost of a call in instructions of rfaas: both ends in one thread, which take turns, so that neither end waits and no
 * cache line changes cores. The least noisy of all suites, and so the one to use for optimization.
 *
 * The parts are timed in bursts of all calls in flight, since reading the counter costs as much as a part.
 */

import { calibrateCycles } from "../cycles.ts";
import { type OneThread, openOneThread } from "../floors/one_thread.ts";
import { type Row, toRow } from "../rows.ts";

/** Calls in flight, and so in a burst. */
const DEPTH = 16;
/** Until the optimizing compiler of V8 has compiled everything. */
const WARM_UP_BURSTS = 20_000;
/** Empty polls per burst. A spin makes many of them. */
const EMPTY_POLLS = 256;

export interface OverheadOptions {
  readonly cycles: () => number;
  /** Bursts per size. */
  readonly bursts: number;
  readonly onProgress: (text: string) => void;
}

const FUNCTIONS = {
  /** Touches nothing, so that only rfaas is measured. */
  nothing: (input: Uint8Array) => input.length,
  echo: (input: Uint8Array, output: Uint8Array) => {
    output.set(input);
    return input.length;
  },
};

/** Returns the rows of the parts, in microseconds per call. A sample is the mean of a burst. */
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
  onProgress("overhead, empty polls");
  const emptyPolls = measureEmptyPolls(ends, cycles, bursts);
  for (const [part, times] of Object.entries(emptyPolls)) {
    const row = toRow("overhead", part, 0, times.map((each) => each / perUs));
    rows.push({ ...row, n: bursts * EMPTY_POLLS });
  }
  return rows;
}

interface PartsOptions {
  readonly cycles: () => number;
  readonly bursts: number;
  readonly name: keyof typeof FUNCTIONS;
  readonly bytes: number;
}

/** Cycles per call, of each part. */
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
    const begin = cycles();
    for (let i = 0; i < DEPTH; i++) calls[i]!.start(bytes);
    const started = cycles();
    for (let i = 0; i < DEPTH; i++) {
      if (!server.serveNext()) {
        throw new Error(`Cannot serve the call: ${server.broken || "no request"}`);
      }
    }
    const served = cycles();
    for (let i = 0; i < DEPTH; i++) calls[i]!.finish();
    const finished = cycles();
    start[at] = (started - begin) / DEPTH;
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

/** Cycles per empty poll. */
function measureEmptyPolls(
  { session, server }: OneThread,
  cycles: () => number,
  bursts: number,
): Record<string, Float64Array> {
  const client = new Float64Array(bursts);
  const worker = new Float64Array(bursts);
  const burst = (at: number) => {
    const begin = cycles();
    for (let i = 0; i < EMPTY_POLLS; i++) session.poll();
    const between = cycles();
    for (let i = 0; i < EMPTY_POLLS; i++) server.serveNext();
    client[at] = (between - begin) / EMPTY_POLLS;
    worker[at] = (cycles() - between) / EMPTY_POLLS;
  };
  for (let i = 0; i < 2; i++) server.look(); // from here on it polls the slots of one call in flight
  for (let i = 0; i < WARM_UP_BURSTS / 10; i++) burst(i % bursts);
  for (let i = 0; i < bursts; i++) burst(i);
  return { "client, empty poll": client, "worker, empty poll": worker };
}
