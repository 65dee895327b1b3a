/**
 * `deno task bench`: whole paths with percentiles. Each contender has its turn again and again in one run, since the
 * machine's mood changes; compare rows of one run only.
 *
 * @module
 */
import { Ending } from "../cli/ending.ts";
import { openCpu } from "../ffi/cpu.ts";
import { openLibc } from "../ffi/libc.ts";
import { describeMachine } from "./machine.ts";
import { readOptions, type RunOptions } from "./options.ts";
import { benchPage } from "./page/page.ts";
import { ProgressLine } from "./progress_line.ts";
import { toJson, toTable } from "./rows.ts";
import { Bench } from "./suite.ts";
import { SUITES } from "./suites.ts";

/** How long a suite that was told to end may take to let its processes go. */
const END_MS = 15_000;

/** @returns the exit status: 0, 1 if a contender or a suite failed, 130 if it was told to end. */
async function run(options: RunOptions): Promise<number> {
  using ending = new Ending();
  const progress = new ProgressLine();
  const machine = await describeMachine();
  const libc = openLibc();
  const cpu = openCpu(libc);
  const bench = new Bench({
    cycles: cpu.cycles,
    quick: options.quick,
    seconds: options.seconds,
    signal: ending.signal,
    onProgress: (text) => progress.show(text),
    onNote: (text) => progress.note(text),
  });
  ending.signal.addEventListener("abort", () => {
    progress.note("ending; once more ends at once");
    Deno.unrefTimer(setTimeout(() => Deno.exit(1), END_MS));
  }, { once: true });
  for (const suite of options.suites) {
    if (ending.signal.aborted) break;
    await bench.attempt(suite.name, () => suite.run(bench)).catch(() => {}); // told to end
    progress.clear();
    const rows = bench.rows.filter((row) => row.suite === suite.name);
    if (rows.length > 0) console.log(`${suite.name}, in microseconds\n${toTable(rows)}\n`);
    for (const text of bench.texts.splice(0)) console.log(`${text}\n`);
  }
  cpu.close();
  libc.close();
  console.log(Object.entries(machine).map(([key, value]) => `${key} ${value}`).join(", "));
  if (options.json) await Deno.writeTextFile(options.json, toJson(machine, bench.rows));
  if (options.html) await Deno.writeTextFile(options.html, await benchPage(machine, bench.rows));
  if (ending.signal.aborted) return 130;
  return bench.failures > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await run(readOptions(Deno.args, SUITES)));
