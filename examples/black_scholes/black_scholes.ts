/**
 * One numeric kernel in three languages: prices a million options as TypeScript, as WebAssembly and as C, on leased
 * workers of this host, and holds the results against each other.
 *
 * @example
 * ```sh
 * deno run --allow-all examples/black_scholes/black_scholes.ts --workers 2
 * ```
 *
 * @module
 */
import { Ending } from "../../cli/ending.ts";
import { LocalManagers } from "../../cli/local_managers.ts";
import { table } from "../../cli/table.ts";
import { type Client, connect } from "../../mod.ts";
import { buildNative } from "./build_native.ts";
import { price } from "./kernel.ts";
import { type BlackScholesOptions, readOptions } from "./options.ts";
import { GIVEN, portfolio, PRICES } from "./portfolio.ts";

/**
 * How far two prices may lie apart, where spots are about 100. `exp` and `log` of V8, AssemblyScript and glibc differ in
 * their last digit, which is 1e-14 here; a formula that differs would show at 1e-8.
 */
const TOLERANCE = 1e-10;
/** Each time is the best of so many: what else runs on the host makes some slower, and none faster. */
const RUNS = 15;

/** What one kernel took, and how far its results lie from those of this thread. */
export interface Row {
  readonly kernel: string;
  readonly workers: number;
  readonly ms: number;
  /** Nanoseconds an option in one call after the other on a slot that is filled already. */
  readonly callNs: number;
  readonly difference: number;
}

/** Prices all options with each kernel, on one worker and on all; a kernel that can't be had is told of in `skipped`. */
export async function compareKernels(
  options: BlackScholesOptions,
  signal: AbortSignal,
): Promise<{ rows: Row[]; skipped: string[] }> {
  const inputs = portfolio(options.count).map((chunk) => new Uint8Array(chunk.buffer));
  const outputs = inputs.map(({ length }) => new Uint8Array(length / GIVEN * PRICES));
  const here = await fastest(() => inputs.forEach((input, i) => price(input, outputs[i]!)));
  const first = inputs[0]!;
  const callNs = await fastest(() => void price(first, outputs[0]!)) * nsPerOption(first);
  const rows: Row[] = [
    { kernel: "TypeScript, in this thread", workers: 0, ms: here, callNs, difference: 0 },
  ];

  const { native, skipped } = await nativeKernel();
  await using managers = await LocalManagers.start({
    cores: options.workers,
    fabric: options.fabric,
    poolMax: 0, // an executor that waits would take a core from those that are measured
    signal,
    ...(native ? { config: pathOf("./node.json") } : {}),
  });
  await using client = await connect({ ...managers, fabric: options.fabric, signal });
  const kernels: [string, URL | Uint8Array][] = [
    ["TypeScript", new URL("./kernel.ts", import.meta.url)],
    ["WebAssembly", new URL("./kernel.wasm", import.meta.url)],
    ...(native ? [["C", native] as [string, Uint8Array]] : []),
  ];
  for (const [kernel, functions] of kernels) {
    for (const workers of new Set([1, options.workers])) {
      const { results, ...times } = await priceThere(client, functions, workers, inputs, signal);
      rows.push({ kernel, workers, ...times, difference: largestDifference(results, outputs) });
    }
  }
  return { rows, skipped };
}

/** The library, if it can be made and run here. */
async function nativeKernel() {
  const built = await buildNative();
  if (typeof built === "string") return { skipped: [`C: ${built}`] };
  const sandbox = await Deno.stat("/usr/bin/bwrap").catch(() => undefined);
  if (!sandbox) return { skipped: ["C: a node takes it in a sandbox alone, install bubblewrap"] };
  return { native: built, skipped: [] };
}

async function priceThere(
  client: Client,
  functions: URL | Uint8Array,
  workers: number,
  inputs: Uint8Array[],
  signal: AbortSignal,
) {
  await using lease = await client.lease({
    functions,
    workers,
    memory: "512MiB",
    maxBytes: "1MiB",
    wait: 60, // a slow machine takes its time to be ready
    signal,
  });
  let results = await lease.map("price", inputs, { signal }); // compiled, and all memory touched, when it counts
  const ms = await fastest(async () => {
    results = await lease.map("price", inputs, { signal });
  });
  const first = inputs[0]!;
  using call = lease.prepare("price", { bytes: first.length });
  call.input.set(first);
  const callMs = await fastest(() => void call.invokeSync(first.length));
  return { ms, callNs: callMs * nsPerOption(first), results };
}

/** Nanoseconds an option, for each millisecond that a call with this argument takes. */
function nsPerOption(input: Uint8Array): number {
  return 1e6 * 8 * GIVEN / input.length;
}

async function fastest(work: () => void | Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const beganMs = performance.now();
    await work();
    times.push(performance.now() - beganMs);
  }
  return Math.min(...times);
}

function largestDifference(
  results: readonly Uint8Array[],
  expected: readonly Uint8Array[],
): number {
  let largest = results.length === expected.length ? 0 : Infinity;
  for (const [i, result] of results.entries()) {
    const got = new Float64Array(result.slice().buffer);
    const want = new Float64Array(expected[i]!.slice().buffer);
    if (got.length !== want.length) return Infinity;
    // A difference that is no number is one as well.
    for (let j = 0; j < got.length; j++) {
      const difference = Math.abs(got[j]! - want[j]!);
      if (!(difference <= largest)) largest = Number.isNaN(difference) ? Infinity : difference;
    }
  }
  return largest;
}

function pathOf(file: string): string {
  return decodeURIComponent(new URL(file, import.meta.url).pathname);
}

/** Whether all kernels agree. */
export function agree(rows: readonly Row[]): boolean {
  return rows.every(({ difference }) => difference <= TOLERANCE);
}

if (import.meta.main) {
  const options = readOptions(Deno.args);
  using ending = new Ending();
  const { rows, skipped } = await compareKernels(options, ending.signal);
  if (options.json) {
    console.log(JSON.stringify({ ...options, rows, skipped }));
  } else {
    console.log(`${options.count} options over ${options.fabric}, best of ${RUNS} runs`);
    console.log(table(
      [
        "kernel",
        "workers",
        "ms",
        "million a second",
        "ns an option in a call",
        "largest difference",
      ],
      rows.map(({ kernel, workers, ms, callNs, difference }) => [
        kernel,
        workers,
        ms.toFixed(1),
        (options.count / ms / 1000).toFixed(1),
        callNs.toFixed(1),
        difference.toExponential(1),
      ]),
    ));
    for (const reason of skipped) console.log(`left out: ${reason}`);
    console.log(`All agree to ${TOLERANCE}: ${agree(rows) ? "yes" : "no"}`);
  }
  if (!agree(rows)) Deno.exitCode = 1;
}
