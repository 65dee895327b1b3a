/** The time from the request of a lease to its first result, and the cost of a call to a sleeping worker. */

import { LocalManagers } from "../../cli/children/local_managers.ts";
import { type Client, connect, type Lease, type LeaseStartup } from "../../mod.ts";
import { medianOf } from "../median.ts";
import { needProgram } from "../peers/installed.ts";
import { type Row, toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";

const BYTES = 64;
/** Pause between two leases: the node refills its pool, and the next lease finds an idle host. */
const PAUSE_MS = 400;
/** Longer than the hotMs of {@linkcode LEASE}, so that the worker sleeps when the call arrives. */
const ASLEEP_MS = 20;
/** The phases of a start, one after the other, before the first call. */
export const PHASES = [
  "packageMs",
  "grantMs",
  "reachMs",
  "admitMs",
  "bootMs",
  "startMs",
  "attachMs",
] as const;

const LEASE = { workers: 1, depth: 4, maxBytes: "64KiB", hotMs: 2 } as const;
const FUNCTIONS = new TextEncoder().encode(
  "export function echo(input, output) { output.set(input); return input.length; }",
);

/** The sandboxes of executors, and the program of each. */
export const SANDBOXES = [["none", undefined], ["bubblewrap", "bwrap"], [
  "podman",
  "podman",
]] as const;

/** One lease, from its request to the first result. */
export interface Start {
  readonly us: number;
  readonly firstCallMs: number;
  readonly startup: LeaseStartup;
}

export async function coldSuite(bench: Bench): Promise<void> {
  const texts: string[] = [];
  for (const [sandbox, program] of SANDBOXES) {
    await bench.attempt(`cold: sandbox ${sandbox}`, async () => {
      if (program !== undefined) await needProgram(program);
      texts.push(...await measureSandbox(bench, sandbox));
    });
  }
  bench.addText(texts.join("\n"));
}

/** Adds the rows of one sandbox. Returns the durations of the phases. */
async function measureSandbox(bench: Bench, sandbox: string): Promise<string[]> {
  const plain = sandbox === "none";
  const leases = bench.quick ? 6 : plain ? 60 : 20;
  const starts = [
    ...await takeStarts(bench, { sandbox, poolMax: 0, leases }),
    ...await takeStarts(bench, { sandbox, poolMax: 4, leases }, async (client) => {
      if (!plain) return;
      await using lease = await client.lease({ ...LEASE, functions: FUNCTIONS });
      bench.add(...await measureCalls(bench, lease, leases));
    }),
  ];
  const texts: string[] = [];
  for (const kind of ["pooled", "cold"] as const) {
    const of = starts.filter(({ startup }) => startup.start === kind);
    if (of.length === 0) continue;
    const name = plain ? kind : `${kind}, ${sandbox}`;
    bench.add(toRow("cold", `lease to first result, ${name}`, BYTES, of.map(({ us }) => us)));
    texts.push(phasesText(name, of));
  }
  return texts;
}

export interface StartsOptions {
  /** One of {@linkcode SANDBOXES}. */
  readonly sandbox: string;
  /** Idle executors that the node keeps, at most. */
  readonly poolMax: number;
  readonly leases: number;
}

/** Takes leases of one node, one after the other. @param then Receives the client afterwards. */
export async function takeStarts(
  bench: Bench,
  { sandbox, poolMax, leases }: StartsOptions,
  then?: (client: Client) => Promise<void>,
): Promise<Start[]> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
  try {
    const config = `${folder}/rfaas.json`;
    const settings = { executorManager: { sandbox: { recipe: sandbox } } };
    await Deno.writeTextFile(config, JSON.stringify(settings));
    await using managers = await LocalManagers.start({ poolMax, config });
    await using client = await connect({ ...managers, fabric: "shm" });
    await measureStart(client); // the threads of the client start with its first lease
    const starts: Start[] = [];
    for (let i = 0; i < leases; i++) {
      const kind = poolMax > 0 ? "pooled" : "cold";
      bench.progress(`cold, sandbox ${sandbox}, ${kind}, lease ${i + 1} of ${leases}`);
      await bench.pause(PAUSE_MS);
      starts.push(await measureStart(client));
    }
    await then?.(client);
    return starts;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function measureStart(client: Client): Promise<Start> {
  const sinceMs = performance.now();
  await using lease = await client.lease({ ...LEASE, functions: FUNCTIONS });
  const leasedMs = performance.now();
  await lease.invoke("echo", new Uint8Array(BYTES));
  const endMs = performance.now();
  return {
    us: (endMs - sinceMs) * 1000,
    firstCallMs: endMs - leasedMs,
    startup: lease.startup,
  };
}

/** Measures calls to a polling worker, and calls to a sleeping one. */
async function measureCalls(bench: Bench, lease: Lease, warm: number): Promise<Row[]> {
  const { cycles, perUs } = bench;
  using call = lease.prepare("echo", { bytes: BYTES, resultBytes: BYTES });
  const time = () => {
    const before = cycles();
    call.invokeSync(BYTES);
    return (cycles() - before) / perUs;
  };
  for (let i = 0; i < 20_000; i++) time();
  const hot = Float64Array.from({ length: 20_000 }, time);
  const asleep = new Float64Array(warm);
  for (let i = 0; i < warm; i++) {
    await bench.pause(ASLEEP_MS);
    asleep[i] = time();
  }
  return [
    toRow("cold", "call, hot", BYTES, hot),
    toRow("cold", "call, warm (the worker sleeps)", BYTES, asleep),
  ];
}

/** Returns the median duration of each phase of a start. */
function phasesText(kind: string, starts: readonly Start[]): string {
  const parts = PHASES.map((phase) => {
    const ms = medianOf(starts.map(({ startup }) => startup[phase]));
    return `${phase.slice(0, -2)} ${ms.toFixed(1)}`;
  });
  const first = medianOf(starts.map(({ firstCallMs }) => firstCallMs));
  return `${kind}, medians in ms: ${parts.join(", ")}, first call ${first.toFixed(1)}`;
}
