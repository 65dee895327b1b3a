/**
 * Round trips over an RDMA device: perftest's programs, the raw ping-pong of our fabric, whole calls. They run in turn
 * several times, since runs of one boot of an emulated machine differ by 40 %; compare medians of one run only.
 */

import type { Lease } from "../mod.ts";
import { listDevices } from "../ffi/verbs/devices.ts";
import { openLibc } from "../ffi/libc.ts";
import { openVerbs } from "../ffi/verbs/open_verbs.ts";
import { calibrateCycles } from "./cycles.ts";
import { invokeSyncContender } from "./calls.ts";
import { percentileOf } from "../examples/demo/percentiles.ts";
import { type PerftestPlace, perftestRoundTripUs, PERFTESTS } from "./perftest.ts";
import { type Row, toRow } from "./rows.ts";
import { VerbsFloor } from "./verbs_floor.ts";

/** Sizes in bytes, and round trips a run. */
const SIZES: readonly [bytes: number, rounds: number][] = [
  [2, 1000],
  [64, 1000],
  [1024, 1000],
  [4096, 500],
  [65_536, 100],
  [1_048_576, 20],
];
/** Where perftest's two ends meet; each run takes the next port. */
const FIRST_PORT = 18_515;

export interface VerbsOptions {
  /** A lease over the device, of the functions in functions.ts. */
  readonly lease: Lease;
  readonly cycles: () => number;
  /** Times that every contender has its turn at every size. */
  readonly turns: number;
  readonly onProgress: (text: string) => void;
}

/** The rows, and a table of medians over the runs with their spread, for people. */
export interface VerbsResult {
  readonly rows: Row[];
  readonly text: string;
}

export async function verbsSuite(options: VerbsOptions): Promise<VerbsResult> {
  const { lease, cycles, turns, onProgress } = options;
  const place = findDevice();
  await using floor = await VerbsFloor.open(cycles);
  await using touch = invokeSyncContender(lease, cycles, "touch");
  await using echo = invokeSyncContender(lease, cycles);
  const perUs = calibrateCycles(cycles);
  const rows: Row[] = [];
  const lines = [["bytes", "path", "median us", "lowest", "highest", "to ib_write_lat"]];
  let port = FIRST_PORT;
  for (const [bytes, rounds] of SIZES) {
    const payload = new Uint8Array(bytes).fill(7);
    const runs = new Map<string, number[]>();
    const times = new Map<string, number[]>();
    for (let turn = 0; turn <= turns; turn++) { // the first turn warms up and is not kept
      for (const program of PERFTESTS) {
        onProgress(`verbs, ${bytes} bytes, turn ${turn} of ${turns}: ${program}`);
        const us = await perftestRoundTripUs(program, bytes, rounds, { ...place, port: port++ });
        if (turn > 0) runs.set(program, [...runs.get(program) ?? [], us]);
      }
      for (const contender of [floor, touch, echo]) {
        onProgress(`verbs, ${bytes} bytes, turn ${turn} of ${turns}: ${contender.path}`);
        const measured = new Float64Array(rounds);
        await contender.measure(payload, measured);
        if (turn === 0) continue;
        const us = measured.map((cycles) => cycles / perUs).sort();
        runs.set(contender.path, [...runs.get(contender.path) ?? [], percentileOf(us, 50)]);
        times.set(contender.path, [...times.get(contender.path) ?? [], ...us]);
      }
    }
    const yardstick = median(runs.get("ib_write_lat")!);
    for (const [path, medians] of runs) {
      const middle = median(medians);
      const all = [middle, Math.min(...medians), Math.max(...medians)];
      lines.push([
        String(bytes),
        path,
        ...all.map((us) => us.toFixed(1)),
        (middle / yardstick).toFixed(2),
      ]);
      // Of perftest's runs only the medians are known: its rows are made of those.
      rows.push(toRow("verbs", path, bytes, Float64Array.from(times.get(path) ?? medians)));
    }
  }
  return { rows, text: table(lines) };
}

/** The first port that has an address. */
function findDevice(): Omit<PerftestPlace, "port"> {
  const libc = openLibc();
  const verbs = openVerbs(libc);
  try {
    for (const { name, ports } of listDevices(verbs)) {
      for (const { gids } of ports) {
        for (const { index, gid } of gids) {
          const host = /^::ffff:([0-9.]+)$/.exec(gid)?.[1];
          if (host !== undefined) return { device: name, gidIndex: index, host };
        }
      }
    }
    throw new Error("Cannot measure: no RDMA port has an IPv4 address");
  } finally {
    verbs.close();
    libc.close();
  }
}

function median(values: readonly number[]): number {
  return percentileOf(Float64Array.from(values).sort(), 50);
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) =>
    line.map((cell, i) => i === 1 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  ).join("\n");
}
