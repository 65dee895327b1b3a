/** Speed-ups over the size, as the examples measure them: Black-Scholes, a matrix product, Jacobi iterations. */

import { toRow } from "../rows.ts";
import type { Bench } from "../suites/suite.ts";
import { speedupPath } from "./row_paths.ts";

export const SPEEDUPS = "paper speed-ups";

/** What a program measured: the times of its ways for each size. The first way is this thread alone. */
interface Measured {
  readonly language: string;
  readonly ways: readonly string[];
  readonly rows: readonly { readonly size: number; readonly ms: readonly number[] }[];
}

/** The part of an example's figures that is used here: those of Jacobi, or those of a program with kernels. */
interface ExampleFigures {
  readonly figures?: readonly { readonly name: string }[];
  readonly rows?: Measured["rows"];
  readonly kernels?: readonly {
    readonly kernel: string;
    readonly contestants: readonly { readonly name: string }[];
    readonly rows: Measured["rows"];
  }[];
}

/** A program that is measured. */
export interface Example {
  /** The name of its folder. */
  readonly name: string;
  readonly problem: string;
  readonly unit: string;
  /** Its largest size in a quick run. */
  readonly quickSize: number;
}

export const EXAMPLES: readonly Example[] = [
  { name: "black_scholes", problem: "Black-Scholes", unit: "options", quickSize: 10_000 },
  { name: "matrix_product", problem: "matrix product", unit: "rows", quickSize: 256 },
  { name: "jacobi", problem: "Jacobi", unit: "unknowns", quickSize: 6 },
];

export async function measureSpeedups(bench: Bench): Promise<void> {
  for (const example of EXAMPLES) {
    const what = `${SPEEDUPS}: ${example.problem}`;
    bench.progress(what);
    await bench.attempt(what, () => measureExample(bench, example));
  }
}

/** Adds the rows of one example. @throws {Error} If it fails, or a result of it is wrong. */
export async function measureExample(bench: Bench, example: Example): Promise<void> {
  const figures = await runExample(example, bench);
  for (const measured of measuredOf(figures)) addRows(bench, example, measured);
}

/** Runs an example, and returns the figures in its last line. @throws {Error} If a result of it is wrong. */
async function runExample(
  { name, quickSize }: Example,
  { quick, signal }: Bench,
): Promise<ExampleFigures> {
  const out = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
  try {
    const program = new URL(`../../examples/${name}/${name}.ts`, import.meta.url);
    const chosen = ["--local", "--lease", "--json", "--out", out];
    if (quick) chosen.push("--quick", "--size", `${quickSize}`);
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", program.href, ...chosen],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const interrupt = () => child.kill("SIGINT"); // it ends its managers
    signal.addEventListener("abort", interrupt, { once: true });
    const { code, stdout, stderr } = await child.output();
    signal.removeEventListener("abort", interrupt);
    signal.throwIfAborted();
    const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
    if (code === 0) return JSON.parse(lines.at(-1)!);
    const text = new TextDecoder().decode(stderr).trim() || lines.slice(-5).join("\n");
    throw new Error(`Cannot run ${name}: it ended with ${code}: ${text}`);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

function measuredOf({ kernels, figures = [], rows = [] }: ExampleFigures): Measured[] {
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  if (!kernels) return [{ language: "TypeScript", ways: names(figures), rows }];
  return kernels.map(({ kernel, contestants, rows }) => ({
    language: kernel,
    ways: names(contestants),
    rows,
  }));
}

/** A row has one value: the median that the example measured. */
function addRows(bench: Bench, { problem, unit }: Example, { language, ways, rows }: Measured) {
  for (const { size, ms } of rows) {
    for (const [i, way] of ways.entries()) {
      const path = speedupPath({ problem, language, size, unit, way });
      bench.add(toRow(SPEEDUPS, path, 0, [1000 * ms[i]!]));
    }
  }
}
