/** Round trips one after the other, everything awake: rfaas beside the floor and what else a host offers. */

import type { Lease } from "../mod.ts";
import { calibrateCycles } from "./cycles.ts";
import { invokeContender, invokeSyncContender, preparedInvokeContender } from "./calls.ts";
import type { Contender } from "./contender.ts";
import { Floor } from "./floor.ts";
import { PAYLOAD_BYTES } from "./floor_words.ts";
import { fetchContender, postMessageContender, unixContender } from "./peers.ts";
import { type Row, toRow } from "./rows.ts";

/** Sizes in bytes, and round trips a turn: large ones take longer. */
const SIZES: readonly [bytes: number, rounds: number][] = [
  [64, 20_000],
  [4096, 10_000],
  [65_536, 2_000],
  [1_048_576, 200],
];
/** Contenders that need microseconds each and would make a turn long get fewer rounds. */
const SLOW_SHARE = 0.05;

export interface HotOptions {
  readonly lease: Lease;
  readonly cycles: () => number;
  /** Times that every contender has its turn: the machine's mood changes, and is shared fairly this way. */
  readonly turns: number;
  readonly onProgress: (text: string) => void;
}

export async function hotSuite({ lease, cycles, turns, onProgress }: HotOptions): Promise<Row[]> {
  await using floor = await Floor.open(cycles);
  const floorContender: Contender = {
    path: "floor (two spinning processes)",
    measure: (_payload, times) => floor.measure(times),
    async [Symbol.asyncDispose]() {},
  };
  const fast = [
    floorContender,
    invokeSyncContender(lease, cycles),
    preparedInvokeContender(lease, cycles),
    invokeContender(lease, cycles),
  ];
  await using peers = new AsyncDisposableStack();
  const slow: Contender[] = [];
  for (const open of [unixContender, postMessageContender, fetchContender]) {
    slow.push(peers.use(await open(cycles)));
  }
  const perUs = calibrateCycles(cycles);
  const rows: Row[] = [];
  for (const [bytes, rounds] of SIZES) {
    const payload = new Uint8Array(bytes).fill(7);
    const collected = new Map<string, number[]>();
    for (let turn = 0; turn <= turns; turn++) { // the first turn warms up and is not kept
      for (const contender of [...fast, ...slow]) {
        if (contender === floorContender && bytes !== PAYLOAD_BYTES) continue;
        onProgress(`hot, ${bytes} bytes, turn ${turn} of ${turns}: ${contender.path}`);
        const times = new Float64Array(
          slow.includes(contender) ? Math.max(20, rounds * SLOW_SHARE) : rounds,
        );
        await contender.measure(payload, times);
        if (turn === 0) continue;
        const kept = collected.get(contender.path) ?? [];
        for (const time of times) kept.push(time / perUs);
        collected.set(contender.path, kept);
      }
    }
    for (const [path, times] of collected) {
      rows.push(toRow("hot", path, bytes, Float64Array.from(times)));
    }
  }
  return rows;
}
