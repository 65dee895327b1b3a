/** One resource manager under the load of many nodes and clients: grants per second, by the number of nodes. */

import { ChildManager } from "../../cli/children/child_manager.ts";
import type { LoadPart, LoadResult, LoadTask } from "./managers_load.ts";
import { residentMiB } from "../process_stat.ts";
import { alignColumns } from "../../cli/table.ts";
import { type Row, toRow } from "../rows.ts";

const NODES = [10, 100, 1000];
const LEASES_PER_NODE = 10;
const IN_FLIGHT = 64;

export interface ManagersOptions {
  /** Duration of each part. */
  readonly seconds: number;
  /** An etcd to measure beside SQLite: `etcd://HOST:PORT,…`. @default SQLite alone */
  readonly store?: string | undefined;
  readonly onProgress: (text: string) => void;
}

/** The results for one number of nodes. */
interface Figures {
  readonly nodes: number;
  /** Where the rows are kept. */
  readonly store: "SQLite" | "etcd";
  readonly load: LoadResult;
  readonly residentMiB: number;
  /** The time from the start of the process, with this state, until it listens. */
  readonly startMs: number;
  readonly stateMiB: number;
}

/** Returns the rows of single grants, and a table of all figures. */
export async function managersSuite(
  options: ManagersOptions,
): Promise<{ rows: Row[]; text: string }> {
  const figures: Figures[] = [];
  for (const nodes of NODES) {
    options.onProgress(`control, ${nodes} nodes`);
    figures.push(await measure(nodes, options.seconds));
    if (options.store === undefined) continue;
    options.onProgress(`control, ${nodes} nodes on etcd`);
    // Each run has rows of its own.
    const store = `${options.store.replace(/(\/\/[^/]+).*/, "$1")}/bench-${crypto.randomUUID()}`;
    figures.push(await measure(nodes, options.seconds, store));
  }
  const row = (path: string, part: LoadPart) => ({
    ...toRow("control", path, 0, part.grantsUs),
    per_second: rate(part), // of all requests in flight together
  });
  const rows = figures.flatMap(({ load: { grants, leases }, ...of }) => [
    row(`grant, ${placeOf(of)}`, grants),
    row(`grant of a claimed lease, ${placeOf(of)}`, leases),
  ]);
  return { rows, text: toText(figures, rows) };
}

function placeOf({ nodes, store }: Pick<Figures, "nodes" | "store">): string {
  return store === "SQLite" ? `${nodes} nodes` : `${nodes} nodes on ${store}`;
}

async function measure(nodes: number, seconds: number, store?: string): Promise<Figures> {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
  try {
    const manager = await start(dir, store);
    let load: LoadResult;
    let resident: number;
    try {
      load = await runLoad(manager, nodes, seconds);
      resident = await residentMiB(manager.pid);
    } finally {
      await manager.close();
    }
    const stateMiB = store === undefined
      ? (await Deno.stat(`${dir}/state.sqlite`)).size / 2 ** 20
      : NaN;
    const beforeMs = performance.now();
    await using _again = await start(dir, store);
    const startMs = performance.now() - beforeMs;
    const kind = store === undefined ? "SQLite" : "etcd";
    return { nodes, store: kind, load, residentMiB: resident, startMs, stateMiB };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function start(stateDir: string, store?: string): Promise<ChildManager> {
  const args = ["resource-manager", "--state", stateDir, "--listen", "http://127.0.0.1:0"];
  if (store !== undefined) args.push("--store", store);
  return ChildManager.start([...args, "--log-level", "warning"]);
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
  const program = new URL("./managers_load.ts", import.meta.url).href;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", program, JSON.stringify(task)],
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot measure grants: the load of ${nodes} nodes failed`);
  return JSON.parse(new TextDecoder().decode(stdout)) as LoadResult;
}

function rate(part: LoadPart): number {
  return Math.round(part.grantsUs.length / part.seconds);
}

function toText(figures: readonly Figures[], rows: readonly Row[]): string {
  const of = (path: string) => rows.find((row) => row.path === path)!;
  const ms = (us: number) => (us / 1000).toFixed(1);
  const lines = [
    ["", ...figures.map(placeOf)],
    ["leases held", ...figures.map(({ nodes }) => nodes * LEASES_PER_NODE)],
    ["cores used by heartbeats alone", ...figures.map(({ load }) => load.idle.cores.toFixed(2))],
    ["grants per second", ...figures.map(({ load }) => rate(load.grants))],
    ["  p50, ms", ...figures.map((each) => ms(of(`grant, ${placeOf(each)}`).p50_us))],
    ["  p99, ms", ...figures.map((each) => ms(of(`grant, ${placeOf(each)}`).p99_us))],
    ["  cores used", ...figures.map(({ load }) => load.grants.cores.toFixed(2))],
    [
      "  per second and core",
      ...figures.map(({ load }) => Math.round(rate(load.grants) / load.grants.cores)),
    ],
    ["full leases per second", ...figures.map(({ load }) => rate(load.leases))],
    [
      "  p50 of the grant, ms",
      ...figures.map((each) => ms(of(`grant of a claimed lease, ${placeOf(each)}`).p50_us)),
    ],
    [
      "  p99 of the grant, ms",
      ...figures.map((each) => ms(of(`grant of a claimed lease, ${placeOf(each)}`).p99_us)),
    ],
    ["  cores used", ...figures.map(({ load }) => load.leases.cores.toFixed(2))],
    ["resident, MiB", ...figures.map((each) => each.residentMiB.toFixed(0))],
    [
      "state on disk, MiB",
      ...figures.map(({ stateMiB }) => isNaN(stateMiB) ? "" : stateMiB.toFixed(1)),
    ],
    ["start with that state, ms", ...figures.map((each) => each.startMs.toFixed(0))],
  ].map((line) => line.map(String));
  const title =
    `control: ${IN_FLIGHT} requests in flight, ${LEASES_PER_NODE} leases held per node; ` +
    "a full lease is taken, claimed and released";
  return [
    title,
    alignColumns(lines, [0]),
  ].join("\n");
}
