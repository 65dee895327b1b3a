/** Calls under way together: by promises, and by prepared calls that one thread keeps in flight. */

import type { Lease, PreparedCall } from "../mod.ts";
import { calibrateCycles } from "./cycles.ts";
import { type Row, toRow } from "./rows.ts";

const BYTES = 64;

export interface ThroughputOptions {
  readonly lease: Lease;
  readonly cycles: () => number;
  readonly calls: number;
  readonly onProgress: (text: string) => void;
}

export async function throughputSuite(options: ThroughputOptions): Promise<Row[]> {
  const { cycles, lease, onProgress } = options;
  const perUs = calibrateCycles(cycles);
  const rows: Row[] = [];
  for (const inFlight of [1, 4, 16, 64]) {
    onProgress(`throughput, ${inFlight} promises`);
    await runPromises(lease, inFlight, options.calls / 10);
    const start = cycles();
    await runPromises(lease, inFlight, options.calls);
    rows.push(
      average(`rfaas invoke, ${inFlight} promises`, (cycles() - start) / perUs, options.calls),
    );
  }
  for (const inFlight of [1, 4, 16]) {
    onProgress(`throughput, ${inFlight} prepared calls`);
    const calls = Array.from(
      { length: inFlight },
      () => lease.prepare("echo", { bytes: BYTES, resultBytes: BYTES, worker: 0 }),
    );
    try {
      runPrepared(calls, options.calls / 10);
      const start = cycles();
      runPrepared(calls, options.calls);
      rows.push(
        average(`rfaas prepared, ${inFlight} in flight`, (cycles() - start) / perUs, options.calls),
      );
    } finally {
      for (const call of calls) call.close();
    }
  }
  return rows;
}

async function runPromises(lease: Lease, inFlight: number, calls: number): Promise<void> {
  const payload = new Uint8Array(BYTES).fill(7);
  let left = calls;
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (left-- > 0) await lease.invoke("echo", payload);
  }));
}

/** Starts them in turn and finishes each before it is started again. */
function runPrepared(calls: readonly PreparedCall[], total: number): void {
  for (const call of calls) call.start();
  for (let i = 0; i < total - calls.length; i++) {
    const call = calls[i % calls.length]!;
    call.finish();
    call.start();
  }
  for (const call of calls) call.finish();
}

/** A row of one figure: single calls are not timed, that would cost as much as the calls. */
function average(path: string, totalUs: number, calls: number): Row {
  return { ...toRow("throughput", path, BYTES, Float64Array.of(totalUs / calls)), n: calls };
}
