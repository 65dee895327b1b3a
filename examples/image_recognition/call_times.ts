/** The times of single calls, one after the other: how they are distributed with a model that stays, and with one a call. */

import { medianOf } from "../../bench/median.ts";
import { alignColumns } from "../../cli/table.ts";
import { percentileOf } from "../demo/percentiles.ts";
import type { LoadedFunction } from "../shared/thread_words.ts";
import { callNow, type Way } from "../shared/way.ts";

/** A function in one way. */
export interface Caller {
  readonly name: string;
  readonly kind: Way["kind"];
  /** Whether the model is loaded at each call. */
  readonly anew: boolean;
  /** Returns the result, valid until the next call. */
  call(photo: Uint8Array): Promise<Uint8Array>;
}

/** What was measured of a caller. */
export interface CallTimes extends Pick<Caller, "name" | "kind" | "anew"> {
  readonly us: readonly number[];
}

/** The times, and the results of the first round. */
export interface MeasuredCalls {
  readonly times: CallTimes;
  readonly results: readonly Uint8Array[];
}

export interface CallOptions {
  /** The largest number of rounds over the photographs. */
  readonly rounds: number;
  /** No further round begins after so long. */
  readonly budgetMs: number;
  readonly signal: AbortSignal;
}

/** Calls a function on one worker of a way, or in this thread. */
export function callerOf(
  way: Way,
  { name, anew, own, sizes }: {
    readonly name: string;
    readonly anew: boolean;
    readonly own: LoadedFunction;
    readonly sizes: { readonly bytes: number; readonly resultBytes: number };
  },
): Caller {
  const common = {
    name: anew ? `${way.name}, model at each call` : way.name,
    kind: way.kind,
    anew,
  };
  const worker = way.workers[0];
  if (!worker) {
    const output = new Uint8Array(sizes.resultBytes);
    return { ...common, call: async (photo) => output.subarray(0, await own(photo, output)) };
  }
  return {
    ...common,
    async call(photo) {
      using call = worker.prepare(name, sizes); // costs little beside the call
      return await callNow(call, photo);
    },
  };
}

/** Measures calls of all callers in turn, for each photograph. */
export async function measureCalls(
  callers: readonly Caller[],
  photos: readonly Uint8Array[],
  { rounds, budgetMs, signal }: CallOptions,
): Promise<MeasuredCalls[]> {
  const times = callers.map(() => [] as number[]);
  const results = callers.map(() => [] as Uint8Array[]);
  const startMs = performance.now();
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && performance.now() - startMs > budgetMs) break;
    for (const photo of photos) {
      for (const [i, caller] of callers.entries()) {
        signal.throwIfAborted();
        const callMs = performance.now();
        const result = await caller.call(photo);
        times[i]!.push(1000 * (performance.now() - callMs));
        if (round === 0) results[i]!.push(result.slice());
      }
    }
  }
  return callers.map(({ name, kind, anew }, i) => ({
    times: { name, kind, anew, us: times[i]! },
    results: results[i]!,
  }));
}

/** One line a caller, with the distribution of its calls. */
export function callTable(calls: readonly CallTimes[]): string {
  const lines = calls.map(({ name, us }) => {
    const sorted = Float64Array.from(us).sort();
    return [
      name,
      ...[Number.MIN_VALUE, 50, 90, 100].map((percent) => msText(percentileOf(sorted, percent))),
    ];
  });
  return alignColumns([["", "least", "median", "90 %", "largest"], ...lines], [0]);
}

/** Sentences of what loading the model at each call costs, and a call over the lease. */
export function callFindings(calls: readonly CallTimes[]): string[] {
  const medianMs = (kind: Way["kind"], anew: boolean) => {
    const found = calls.find((times) => times.kind === kind && times.anew === anew);
    return found && medianOf(found.us) / 1000;
  };
  const [here, there, loading] = [
    medianMs("thread", false),
    medianMs("lease", false),
    medianMs("lease", true),
  ];
  if (here === undefined || there === undefined || loading === undefined) return [];
  const more = loading - there;
  return [
    `a lease with the model loaded at each call: ${more.toFixed(0)} ms a call more ` +
    `(${(100 * more / there).toFixed(0)} %)`,
    `a call on a lease takes ${(there / here).toFixed(2)} times as long as in this thread: ` +
    "offloading pays where another core is idle, or this thread has other work",
  ];
}

function msText(us: number): string {
  return `${(us / 1000).toFixed(0)} ms`;
}
