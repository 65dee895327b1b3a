/**
 * The causes of the slowest calls: sequential round trips of a call and of the floor, in classes by their time, beside the
 * events that took a core from one of the two threads. Once with the cores left to the scheduler, once with all of them
 * but one kept busy by other threads, once with a core for each end.
 */

import { LocalManagers } from "../../cli/children/local_managers.ts";
import { connect } from "../../mod.ts";
import { invokeSyncContender } from "../calls.ts";
import type { Contender } from "../contender.ts";
import { BusyThreads } from "./busy_threads.ts";
import { floorContender } from "../floors/floor_contender.ts";
import { interruptions } from "./interruptions.ts";
import { OwnCore } from "./own_core.ts";
import { alignColumns } from "../../cli/table.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "../times.ts";
import { FUNCTIONS } from "./with_lease.ts";

const BYTES = 64;
/** Round trips of a turn: about 0.1 s. */
const ROUNDS = 250_000;
const TURNS = 20;
const QUICK_TURNS = 3;
/** How long a worker polls after its last call. Between turns all ends sleep. */
const HOT_MS = 20;
const REST_MS = 30;

/** Upper ends of the classes, in microseconds. The first class has the hot calls. */
const CLASSES = [5, 50, 1000, Infinity];
const NAMES = ["", "5 to 50 us", "50 us to 1 ms", "longer"];

export async function tailSuite(bench: Bench): Promise<void> {
  const lines = [[
    "per second of round trips",
    "p50",
    "p99.9",
    "ratio",
    ...NAMES.slice(1),
    "timer ticks",
    "cores lost",
  ]];
  await measure(bench, "cores shared", lines);
  const cores = navigator.hardwareConcurrency;
  if (cores > 1) {
    using _threads = new BusyThreads(cores - 1);
    await measure(bench, "all but one busy", lines);
  }
  {
    using core = new OwnCore();
    if (core.cores.length > 1) await measure(bench, "a core each", lines, () => core.take());
  }
  bench.addText(
    `tail, ${BYTES} bytes\n${alignColumns(lines, [0])}\n` +
      "timer ticks: interrupts of all cores' timers; cores lost: another thread ran on the core of an end",
  );
}

async function measure(
  bench: Bench,
  how: string,
  lines: string[][],
  begin: () => void = () => {},
): Promise<void> {
  await using managers = await LocalManagers.start();
  await using client = await connect({ ...managers, fabric: "shm" });
  await using floor = await floorContender(bench.cycles, BYTES);
  begin(); // before the lease: ends that have the same only core when they connect hand it over at each call
  const options = { workers: 1, depth: 4, maxBytes: 4096, hotMs: HOT_MS, functions: FUNCTIONS };
  await using lease = await client.lease(options);
  for (const contender of [floor, invokeSyncContender(lease, bench.cycles)]) {
    bench.progress(`tail, ${how}: ${contender.path}`);
    const result = await measureTurns(bench, contender, managers.executorManager.pid);
    const row = toRow("tail", `${contender.path}, ${how}`, BYTES, result.times);
    bench.add(row);
    const perSecond = (count: number) => Math.round(count / result.seconds).toLocaleString("en");
    lines.push([
      row.path,
      row.p50_us.toPrecision(2),
      row.p999_us.toPrecision(2),
      (row.p999_us / row.p50_us).toFixed(1),
      ...result.classes.slice(1).map(perSecond),
      perSecond(result.ticks),
      contender === floor ? "" : perSecond(result.switches),
    ]);
  }
}

interface Result {
  readonly times: Times;
  /** Round trips in each class. */
  readonly classes: number[];
  readonly seconds: number;
  readonly ticks: number;
  readonly switches: number;
}

async function measureTurns(bench: Bench, contender: Contender, manager: number): Promise<Result> {
  const payload = new Uint8Array(BYTES).fill(7);
  const cycles = new Float64Array(ROUNDS);
  const result = { times: new Times(), classes: CLASSES.map(() => 0), seconds: 0 };
  let [ticks, switches] = [0, 0];
  const turns = bench.quick ? QUICK_TURNS : TURNS;
  for (let turn = 0; turn <= turns; turn++) {
    const before = interruptions(manager);
    await contender.measure(payload, cycles);
    const after = interruptions(manager);
    await bench.pause(REST_MS);
    if (turn === 0) continue; // the warm-up
    ticks += after.ticks - before.ticks;
    switches += after.switches - before.switches;
    for (const one of cycles) {
      const us = one / bench.perUs;
      result.times.add(us);
      result.classes[CLASSES.findIndex((end) => us < end)]!++;
      result.seconds += us / 1e6;
    }
  }
  return { ...result, ticks, switches };
}
