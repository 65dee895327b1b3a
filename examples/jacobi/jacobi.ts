/**
 * Jacobi iterations that are shared with leased workers: the rows of the matrix stay with the workers, and only x travels.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/jacobi/jacobi.ts
 * ```
 *
 * @module
 */
import { ShutdownSignal } from "../../cli/shutdown_signal.ts";
import { largestDifference } from "../shared/differences.ts";
import type { ExampleOptions } from "../shared/example_options.ts";
import { LeaseHost } from "../shared/lease_host.ts";
import { openWays } from "../shared/open_ways.ts";
import { heading, note, seen } from "../shared/report.ts";
import { speedupReport } from "../shared/speedup_report.ts";
import type { SizeRow } from "../shared/speedups.ts";
import type { Way } from "../shared/way.ts";
import { measureInTurns, type TurnOptions, turnOptions } from "../shared/way_turns.ts";
import { furnace, type FurnaceSystem, temperatures } from "./furnace.ts";
import { furnacePicture } from "./furnace_picture.ts";
import { readOptions } from "./options.ts";
import { MAX_BYTES, SharedSystem, workerBytes } from "./shared_system.ts";
import { largest, solveByJacobi, solveDirectly, TOLERANCE } from "./solve.ts";

/** The sizes of the measurement, as shares of the largest. */
const SHARES = [1 / 6, 1 / 4, 2 / 5, 2 / 3, 1];

/** What was found of a way. */
interface WayFigures {
  readonly name: string;
  readonly iterations: number;
  /** Relative to the largest value. */
  readonly differenceFromDirect: number;
  readonly differenceFromLocal: number;
  /** The time until the workers had their rows. */
  readonly sendMs: number;
}

/** Solves the system in each way, measures, and writes the pictures. Returns whether all solutions are right. */
async function runJacobi(options: ExampleOptions, signal: AbortSignal): Promise<boolean> {
  const system = furnace(options.size);
  heading(`Heat in a furnace: ${system.n.toLocaleString("en")} unknowns over ${options.fabric}`);
  const functions = {
    module: new URL("./functions.ts", import.meta.url),
    maxBytes: MAX_BYTES,
    memory: options.workers * workerBytes(system.n, Math.ceil(system.n / (options.workers + 1))),
  };
  await using host = new LeaseHost({ cores: options.workers, fabric: options.fabric, signal });
  await using open = await openWays(options, functions, host, signal);
  const { ways } = open;
  const { figures, solution } = await solveInEachWay(system, ways);
  const rows = await measureSizes(options.size, ways, turnOptions(options.quick, signal));

  heading("Time of an iteration");
  const chart = speedupReport({
    title: "Jacobi: an iteration, shared",
    about: "The matrix stays with the workers, x travels.",
    unit: "unknowns",
    contestants: ways,
    rows,
  });
  await Deno.mkdir(options.out, { recursive: true });
  const kelvin = temperatures(system, solution);
  await Deno.writeTextFile(`${options.out}/furnace.svg`, furnacePicture(system.side, kelvin));
  await Deno.writeTextFile(`${options.out}/speedup.svg`, chart);
  note(`pictures: ${options.out} (furnace.svg and speedup.svg)`);
  if (options.json) console.log(JSON.stringify({ ...options, n: system.n, figures, rows }));
  return figures.every(isRight);
}

async function solveInEachWay(system: FurnaceSystem, ways: readonly Way[]) {
  const directMs = performance.now();
  const direct = solveDirectly(system);
  note(`direct solution by elimination: ${sinceText(directMs)}`);
  const scale = largest(direct);
  const figures: WayFigures[] = [];
  let local: Float64Array | undefined;
  for (const way of ways) {
    const sendMs = performance.now();
    using shared = await SharedSystem.share(system, way);
    const startMs = performance.now();
    const { x, iterations } = await solveByJacobi(system.n, shared);
    local ??= x;
    const found = {
      name: way.name,
      iterations,
      differenceFromDirect: largestDifference(x, direct) / scale,
      differenceFromLocal: largestDifference(x, local) / scale,
      sendMs: startMs - sendMs,
    };
    figures.push(found);
    const rows = way.workers.length > 0 ? `, rows sent in ${found.sendMs.toFixed(0)} ms` : "";
    seen(
      isRight(found),
      `${way.name}: ${iterations} iterations in ${sinceText(startMs)}${rows}; ` +
        `${found.differenceFromDirect.toExponential(1)} from the direct solution`,
    );
  }
  return { figures, solution: local! };
}

/** The same operations in the same order give the same bits in each way. */
function isRight({ differenceFromDirect, differenceFromLocal }: WayFigures): boolean {
  return differenceFromDirect <= TOLERANCE && differenceFromLocal === 0;
}

async function measureSizes(
  largestSide: number,
  ways: readonly Way[],
  options: TurnOptions,
): Promise<SizeRow[]> {
  const sides = new Set(SHARES.map((share) => Math.max(2, Math.round(share * largestSide))));
  const rows: SizeRow[] = [];
  for (const side of sides) {
    const system = furnace(side);
    using opening = new DisposableStack();
    const x = new Float64Array(system.n).fill(1);
    const next = new Float64Array(system.n);
    const works = [];
    for (const way of ways) {
      const shared = opening.use(await SharedSystem.share(system, way));
      works.push({ run: () => shared.step(x, next) });
    }
    rows.push({ size: system.n, ms: await measureInTurns(works, options) });
  }
  return rows;
}

function sinceText(ms: number): string {
  return `${((performance.now() - ms) / 1000).toFixed(2)} s`;
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using shutdown = new ShutdownSignal();
  if (!await runJacobi(options, shutdown.signal)) Deno.exitCode = 1;
}
