/**
 * `deno task bench`: whole paths with percentiles. The contenders take turns within one run, since the speed of a host
 * varies over time. Compare only rows of the same run.
 *
 * @module
 */
import { ShutdownSignal } from "../cli/shutdown_signal.ts";
import { openCpu } from "../ffi/cpu.ts";
import { openLibc } from "../ffi/libc.ts";
import { describeMachine } from "./machine.ts";
import { compareRuns, type EarlierRun, parseRun } from "./compare.ts";
import { readOptions, type RunOptions } from "./options.ts";
import { benchPage } from "./page/page.ts";
import { writePictures } from "./page/pictures.ts";
import { ProgressLine } from "./progress_line.ts";
import { toJson, toTable } from "./rows.ts";
import { Bench } from "./suites/suite.ts";
import { SUITES } from "./suites/suites.ts";

/** Grace period for an interrupted suite to end its processes. */
const END_GRACE_MS = 15_000;

/** @returns The exit status: 0, 1 if a contender or a suite failed, or 130 if a signal interrupted the run. */
async function run(options: RunOptions): Promise<number> {
  using shutdown = new ShutdownSignal();
  const progress = new ProgressLine();
  const earlier = options.compare === undefined ? undefined : await earlierRun(options.compare);
  const machine = await describeMachine();
  const libc = openLibc();
  const cpu = openCpu(libc);
  const bench = new Bench({
    cycles: cpu.cycles,
    quick: options.quick,
    seconds: options.seconds,
    store: options.store,
    signal: shutdown.signal,
    onProgress: (text) => progress.show(text),
    onNote: (text) => progress.note(text),
  });
  shutdown.signal.addEventListener("abort", () => {
    progress.note("ending the run; press Ctrl-C again to end at once");
    Deno.unrefTimer(setTimeout(() => Deno.exit(1), END_GRACE_MS));
  }, { once: true });
  for (const suite of options.suites) {
    if (shutdown.signal.aborted) break;
    const before = bench.rows.length;
    await bench.attempt(suite.name, () => suite.run(bench)).catch(() => {}); // interrupted
    progress.clear();
    for (const [name, rows] of Map.groupBy(bench.rows.slice(before), ({ suite }) => suite)) {
      console.log(`${name}, in microseconds\n${toTable(rows)}\n`);
    }
    for (const text of bench.texts.splice(0)) console.log(`${text}\n`);
  }
  cpu.close();
  libc.close();
  console.log(Object.entries(machine).map(([key, value]) => `${key} ${value}`).join(", "));
  if (earlier) console.log(`\n${compareRuns(earlier, { machine, rows: bench.rows })}`);
  const { rows, skipped } = bench;
  if (options.json) await Deno.writeTextFile(options.json, toJson(machine, rows, skipped));
  if (options.html) await Deno.writeTextFile(options.html, await benchPage(machine, rows, skipped));
  if (options.pictures) await writePictures(options.pictures, machine, rows);
  if (shutdown.signal.aborted) return 130;
  return bench.failures > 0 ? 1 : 0;
}

/** Reads the earlier run before anything is measured. Ends the process if that fails. */
async function earlierRun(path: string): Promise<EarlierRun> {
  try {
    return parseRun(await Deno.readTextFile(path));
  } catch (error) {
    console.error(`bench: ${path}: ${(error as Error).message}`);
    Deno.exit(2);
  }
}

if (import.meta.main) Deno.exit(await run(readOptions(Deno.args, SUITES)));
