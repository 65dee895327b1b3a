/** One resource manager under the load of many nodes and clients: grants a second, and how all grows with the nodes. */

import { ChildManager } from "../cli/child_manager.ts";
import type { LoadPart, LoadResult, LoadTask } from "./managers_load.ts";
import { residentMiB } from "./process_stat.ts";
import { alignColumns, type Row, toRow } from "./rows.ts";

const NODES = [10, 100, 1000];
const LEASES_PER_NODE = 10;
const IN_FLIGHT = 64;

export interface ManagersOptions {
  /** How long each part is measured. */
  readonly seconds: number;
  readonly onProgress: (text: string) => void;
}

/** A manager at one number of nodes. */
interface Figures {
  readonly nodes: number;
  readonly load: LoadResult;
  readonly residentMiB: number;
  /** From the start of the process, with this state, until it listens. */
  readonly startMs: number;
  readonly stateMiB: number;
}

/** @returns the rows of single grants, and all figures as a table for people. */
export async function managersSuite(
  options: ManagersOptions,
): Promise<{ rows: Row[]; text: string }> {
  const figures: Figures[] = [];
  for (const nodes of NODES) {
    options.onProgress(`control, ${nodes} nodes`);
    figures.push(await measure(nodes, options.seconds));
  }
  const row = (path: string, part: LoadPart) => ({
    ...toRow("control", path, 0, part.grantsUs),
    per_second: rate(part), // of all that were under way together
  });
  const rows = figures.flatMap(({ nodes, load: { grants, lives } }) => [
    row(`grant, ${nodes} nodes`, grants),
    row(`grant of a life, ${nodes} nodes`, lives),
  ]);
  return { rows, text: toText(figures, rows) };
}

async function measure(nodes: number, seconds: number): Promise<Figures> {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
  try {
    const manager = await start(dir);
    let load: LoadResult;
    let resident: number;
    try {
      load = await runLoad(manager, nodes, seconds);
      resident = await residentMiB(manager.pid);
    } finally {
      await manager.close();
    }
    const stateMiB = (await Deno.stat(`${dir}/state.sqlite`)).size / 2 ** 20;
    const beforeMs = performance.now();
    await using _again = await start(dir);
    const startMs = performance.now() - beforeMs;
    return { nodes, load, residentMiB: resident, startMs, stateMiB };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function start(stateDir: string): Promise<ChildManager> {
  const args = ["resource-manager", "--state", stateDir, "--listen", "http://127.0.0.1:0"];
  return ChildManager.start([...args, "--log-level", "warning"], {});
}

async function runLoad(
  manager: ChildManager,
  nodes: number,
  seconds: number,
): Promise<LoadResult> {
  const { urls, tokenFiles } = manager.ready as {
    urls: string[];
    tokenFiles: { node: string; client: string };
  };
  const task: LoadTask = {
    url: urls[0]!,
    pid: manager.pid,
    tokens: {
      node: (await Deno.readTextFile(tokenFiles.node)).trim(),
      client: (await Deno.readTextFile(tokenFiles.client)).trim(),
    },
    nodes,
    leasesPerNode: LEASES_PER_NODE,
    inFlight: IN_FLIGHT,
    seconds,
  };
  const program = new URL("managers_load.ts", import.meta.url).href;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", program, JSON.stringify(task)],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure grants: the load of ${nodes} nodes ended early`);
  return JSON.parse(new TextDecoder().decode(stdout)) as LoadResult;
}

function rate(part: LoadPart): number {
  return Math.round(part.grantsUs.length / part.seconds);
}

function toText(figures: readonly Figures[], rows: readonly Row[]): string {
  const of = (path: string) => rows.find((row) => row.path === path)!;
  const ms = (us: number) => (us / 1000).toFixed(1);
  const lines = [
    ["", ...figures.map(({ nodes }) => `${nodes} nodes`)],
    ["leases held", ...figures.map(({ nodes }) => nodes * LEASES_PER_NODE)],
    ["cores used by beats alone", ...figures.map(({ load }) => load.idle.cores.toFixed(2))],
    ["grants a second", ...figures.map(({ load }) => rate(load.grants))],
    ["  p50, ms", ...figures.map(({ nodes }) => ms(of(`grant, ${nodes} nodes`).p50_us))],
    ["  p99, ms", ...figures.map(({ nodes }) => ms(of(`grant, ${nodes} nodes`).p99_us))],
    ["  cores used", ...figures.map(({ load }) => load.grants.cores.toFixed(2))],
    [
      "  a second of a core",
      ...figures.map(({ load }) => Math.round(rate(load.grants) / load.grants.cores)),
    ],
    ["lives a second", ...figures.map(({ load }) => rate(load.lives))],
    [
      "  p50 of the grant, ms",
      ...figures.map(({ nodes }) => ms(of(`grant of a life, ${nodes} nodes`).p50_us)),
    ],
    [
      "  p99 of the grant, ms",
      ...figures.map(({ nodes }) => ms(of(`grant of a life, ${nodes} nodes`).p99_us)),
    ],
    ["  cores used", ...figures.map(({ load }) => load.lives.cores.toFixed(2))],
    ["resident, MiB", ...figures.map((each) => each.residentMiB.toFixed(0))],
    ["state on disk, MiB", ...figures.map((each) => each.stateMiB.toFixed(1))],
    ["start with that state, ms", ...figures.map((each) => each.startMs.toFixed(0))],
  ].map((line) => line.map(String));
  const title =
    `control: ${IN_FLIGHT} requests under way, ${LEASES_PER_NODE} leases a node held; ` +
    "a life is a lease taken, claimed and given back";
  return [
    title,
    alignColumns(lines, [0]),
  ].join("\n");
}
