/**
 * A Monte Carlo simulation as a map over many inputs: `lease.map()` sends each to a free worker.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/monte_carlo/monte_carlo.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import type { ExampleOptions } from "../shared/example_options.ts";
import { LeaseHost } from "../shared/lease_host.ts";
import { mapInputs } from "../shared/map_inputs.ts";
import { openWays } from "../shared/open_ways.ts";
import { heading, note, seen } from "../shared/report.ts";
import { speedupReport } from "../shared/speedup_report.ts";
import type { SizeRow } from "../shared/speedups.ts";
import type { Way } from "../shared/way.ts";
import { measureInTurns, type TurnOptions, turnOptions } from "../shared/way_turns.ts";
import { CONTRACTS, estimatesOf, exactPrice, inputsOf } from "./contracts.ts";
import { simulate } from "./functions.ts";
import { pathsUpTo, readOptions } from "./options.ts";

/** The largest accepted difference from the formula, in standard errors. The seeds are fixed, so each run finds the same. */
const TOLERANCE = 4;
const RESULT_BYTES = 16;

/** Prices all options in each way, and measures. Returns whether all prices are right. */
async function runMonteCarlo(
  options: ExampleOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const functions = {
    module: new URL("./functions.ts", import.meta.url),
    maxBytes: 4096,
    memory: (options.workers + 1) * (64 << 20),
  };
  const { fabric, workers } = options;
  await using host = new LeaseHost({ cores: workers + 1, fabric, signal });
  await using open = await openWays(options, functions, host, signal, workers + 1);
  const { ways } = open;

  heading(`Prices of ${CONTRACTS.length} options by simulation, over ${fabric}`);
  const checks = [];
  for (const way of ways) checks.push(await checkWay(way, options.size));
  heading("Time of a map over 128 inputs");
  const rows: SizeRow[] = [];
  for (const paths of pathsUpTo(options.size)) {
    rows.push(await measurePaths(paths, ways, turnOptions(options.quick, signal)));
  }
  const title = "Monte Carlo: a map over 128 inputs";
  const unitInFull = "paths an input";
  const chart = speedupReport({ title, unit: "paths", unitInFull, contestants: ways, rows });
  await Deno.mkdir(options.out, { recursive: true });
  await Deno.writeTextFile(`${options.out}/speedup.svg`, chart);
  note(`picture: ${options.out}/speedup.svg`);
  if (options.json) console.log(JSON.stringify({ ...options, checks, rows }));
  return checks.every(({ right }) => right);
}

/** Compares the results of a way with those of this thread, bit for bit, and the prices with the formula. */
async function checkWay(way: Way, paths: number) {
  const inputs = inputsOf(paths);
  const results = await mapInputs(way, mapped(inputs), simulate);
  const output = new Uint8Array(RESULT_BYTES);
  const same = inputs.filter((input, i) => {
    simulate(input, output);
    return output.every((byte, at) => byte === results[i]![at]);
  }).length;
  const errors = estimatesOf(paths, results).map(({ price, error }, i) =>
    Math.abs(price - exactPrice(CONTRACTS[i]!)) / error
  );
  const worst = Math.max(...errors); // NaN if one is
  const right = same === inputs.length && worst <= TOLERANCE;
  seen(
    right,
    `${way.name}: ${same} of ${inputs.length} results equal those of this thread; ` +
      `prices within ${worst.toFixed(1)} standard errors of the formula`,
  );
  return { name: way.name, same, inputs: inputs.length, worst, right };
}

async function measurePaths(
  paths: number,
  ways: readonly Way[],
  options: TurnOptions,
): Promise<SizeRow> {
  const inputs = inputsOf(paths);
  const works = ways.map((way) => ({
    run: async () => {
      await mapInputs(way, mapped(inputs), simulate);
    },
  }));
  return { size: paths, ms: await measureInTurns(works, options) };
}

function mapped(inputs: readonly Uint8Array[]) {
  return { name: "simulate", inputs, resultBytes: RESULT_BYTES };
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await runMonteCarlo(options, shutdown.signal)) Deno.exitCode = 1;
}
