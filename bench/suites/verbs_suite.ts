/**
 * Round trips over an RDMA device: the programs of perftest, the bare ping-pong over the fabric, whole calls. They take
 * turns several times, since runs in one boot of an emulated machine differ by 40 %. Compare only medians of the same run.
 */

import type { Lease } from "../../mod.ts";
import { listDevices } from "../../ffi/verbs/devices.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { openVerbs, type Verbs } from "../../ffi/verbs/open_verbs.ts";
import { VerbsUnavailableError } from "../../ffi/verbs/verbs_unavailable.ts";
import { invokeSyncContender } from "../calls.ts";
import { medianOf } from "../median.ts";
import { percentileOf } from "../../examples/demo/percentiles.ts";
import { UnavailableError } from "../unavailable.ts";
import { type PerftestPlace, perftestRoundTripUs, PERFTESTS } from "../floors/perftest.ts";
import { alignColumns } from "../../cli/table.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { VerbsFloor } from "../floors/verbs_floor.ts";
import { withLease } from "./with_lease.ts";

/** Sizes in bytes, and round trips per run. */
const SIZES: readonly [bytes: number, rounds: number][] = [
  [2, 1000],
  [64, 1000],
  [1024, 1000],
  [4096, 500],
  [65_536, 100],
  [1_048_576, 20],
];
/** The port of the first run of perftest. Each run uses the next one. */
const FIRST_PORT = 18_515;

export async function verbsSuite(bench: Bench): Promise<void> {
  const place = findDevice();
  const options = { workers: 1, depth: 2, maxBytes: "1MiB", hotMs: 50 };
  await withLease(options, (lease) => measure(bench, lease, place), { fabric: "verbs" });
}

/** Adds the rows, and a table of the medians over the runs with their spread. */
async function measure(
  bench: Bench,
  lease: Lease,
  place: Omit<PerftestPlace, "port">,
): Promise<void> {
  const { cycles, perUs } = bench;
  const turns = bench.quick ? 1 : 5;
  await using floor = await VerbsFloor.open(cycles);
  const named = { writes: false }; // perftest sends what is in memory too
  await using touch = invokeSyncContender(lease, cycles, {
    ...named,
    path: "rfaas invokeSync touch",
    name: "touch",
  });
  await using echo = invokeSyncContender(lease, cycles, named);
  const lines = [["bytes", "path", "median us", "lowest", "highest", "to ib_write_lat"]];
  let port = FIRST_PORT;
  for (const [bytes, rounds] of SIZES) {
    const payload = new Uint8Array(bytes).fill(7);
    const runs = new Map<string, number[]>();
    const times = new Map<string, number[]>();
    for (let turn = 0; turn <= turns; turn++) { // the first turn is the warm-up
      for (const program of PERFTESTS) {
        bench.progress(`verbs, ${bytes} bytes, turn ${turn} of ${turns}: ${program}`);
        const us = await perftestRoundTripUs(program, bytes, rounds, { ...place, port: port++ });
        if (turn > 0) runs.set(program, [...runs.get(program) ?? [], us]);
      }
      for (const contender of [floor, touch, echo]) {
        bench.progress(`verbs, ${bytes} bytes, turn ${turn} of ${turns}: ${contender.path}`);
        const measured = new Float64Array(rounds);
        await contender.measure(payload, measured);
        if (turn === 0) continue;
        const us = measured.map((cycles) => cycles / perUs).sort();
        runs.set(contender.path, [...runs.get(contender.path) ?? [], percentileOf(us, 50)]);
        times.set(contender.path, [...times.get(contender.path) ?? [], ...us]);
      }
    }
    const yardstick = medianOf(runs.get("ib_write_lat")!);
    for (const [path, medians] of runs) {
      const middle = medianOf(medians);
      const all = [middle, Math.min(...medians), Math.max(...medians)];
      lines.push([
        String(bytes),
        path,
        ...all.map((us) => us.toFixed(1)),
        (middle / yardstick).toFixed(2),
      ]);
      // perftest prints only medians, so its rows are made of them.
      bench.add(toRow("verbs", path, bytes, times.get(path) ?? medians));
    }
  }
  bench.addText(`verbs\n${alignColumns(lines, [1])}`);
}

/** Returns the first port that has an address. */
function findDevice(): Omit<PerftestPlace, "port"> {
  const libc = openLibc();
  const verbs = openLibraries(libc);
  try {
    for (const { name, ports } of listDevices(verbs)) {
      for (const { gids } of ports) {
        for (const { index, gid } of gids) {
          const host = /^::ffff:([0-9.]+)$/.exec(gid)?.[1];
          if (host !== undefined) return { device: name, gidIndex: index, host };
        }
      }
    }
    throw new UnavailableError("no RDMA port has an IPv4 address");
  } finally {
    verbs.close();
    libc.close();
  }
}

/** @throws {UnavailableError} If there are no libraries or no device. */
function openLibraries(libc: Libc): Verbs {
  try {
    return openVerbs(libc);
  } catch (error) {
    libc.close();
    if (error instanceof VerbsUnavailableError) throw new UnavailableError(error.message);
    throw error;
  }
}
