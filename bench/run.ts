/**
 * `deno task bench`: whole paths with percentiles. Each contender has its turn again and again in one run, since the
 * machine's mood changes; compare rows of one run only.
 */

import { Command } from "commander";
import { LocalManagers } from "../cli/local_managers.ts";
import { openCpu } from "../ffi/cpu.ts";
import { openLibc } from "../ffi/libc.ts";
import { connect } from "../mod.ts";
import { coldSuite } from "./cold_suite.ts";
import { hotSuite } from "./hot_suite.ts";
import { managersSuite } from "./managers_suite.ts";
import { overheadSuite } from "./overhead_suite.ts";
import { type Row, toTable } from "./rows.ts";
import { throughputSuite } from "./throughput_suite.ts";
import { verbsSuite } from "./verbs_suite.ts";

const SUITES = ["overhead", "hot", "throughput", "cold", "verbs", "managers"];
/** Those that any host can run. */
const DEFAULT = ["overhead", "hot", "throughput", "cold"];

const command = new Command("bench")
  .description("Measures calls beside the floor and what else a host offers")
  .option(
    "--suite <name...>",
    `which suites: ${SUITES.join(", ")} (verbs needs an RDMA device and perftest)`,
    DEFAULT,
  )
  .option("--quick", "fewer rounds: to see that it works")
  .option("--json <file>", "also write the rows as JSON")
  .addHelpText("after", "\nExample:\n  deno task bench --suite hot --json hot.json")
  .parse(Deno.args, { from: "user" });
const options = command.opts<{ suite: string[]; quick?: boolean; json?: string }>();
const unknown = options.suite.find((name) => !SUITES.includes(name));
if (unknown) {
  command.error(`Cannot run suite ${unknown}: there are ${SUITES.join(", ")}`, { exitCode: 2 });
}

const terminal = Deno.stderr.isTerminal();
const onProgress = (text: string) => {
  if (terminal) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
};

const LEASE = {
  workers: 1,
  depth: 16,
  maxBytes: "1MiB",
  hotMs: 50,
  functions: new URL("../examples/demo/functions.ts", import.meta.url),
} as const;

const rows: Row[] = [];
const texts: string[] = [];
const libc = openLibc();
const cpu = openCpu(libc);
const { cycles } = cpu;
if (options.suite.includes("overhead")) {
  rows.push(...await overheadSuite({ cycles, bursts: options.quick ? 2000 : 50_000, onProgress }));
  onProgress("");
}
if (options.suite.includes("verbs")) {
  await using managers = await LocalManagers.start({ fabric: "verbs" });
  await using client = await connect({ ...managers, fabric: "verbs" });
  await using lease = await client.lease({
    ...LEASE,
    depth: 2,
    functions: new URL("functions.ts", import.meta.url),
  });
  const result = await verbsSuite({ lease, cycles, turns: options.quick ? 1 : 5, onProgress });
  rows.push(...result.rows);
  texts.push(result.text);
  onProgress("");
}
if (options.suite.includes("managers")) {
  const result = await managersSuite({ seconds: options.quick ? 2 : 10, onProgress });
  rows.push(...result.rows);
  texts.push(result.text);
  onProgress("");
}
if (options.suite.includes("cold")) {
  const result = await coldSuite({ cycles, leases: options.quick ? 10 : 100, onProgress });
  rows.push(...result.rows);
  texts.push(result.text);
  onProgress("");
}
if (options.suite.some((name) => name === "hot" || name === "throughput")) {
  await using managers = await LocalManagers.start();
  await using client = await connect({ ...managers, fabric: "shm" });
  await using lease = await client.lease(LEASE);
  if (options.suite.includes("hot")) {
    rows.push(...await hotSuite({ lease, cycles, turns: options.quick ? 1 : 5, onProgress }));
  }
  if (options.suite.includes("throughput")) {
    const calls = options.quick ? 20_000 : 300_000;
    rows.push(...await throughputSuite({ lease, cycles, calls, onProgress }));
  }
  onProgress("");
}
cpu.close();
libc.close();

const machine = {
  cpu: (await Deno.readTextFile("/proc/cpuinfo")).match(/model name\s*: (.*)/)?.[1] ??
    Deno.build.arch,
  cores: navigator.hardwareConcurrency,
  kernel: Deno.osRelease(),
  deno: Deno.version.deno,
  v8: Deno.version.v8,
  commit: await commit(),
};
const local = rows.filter((row) => DEFAULT.includes(row.suite));
if (local.length > 0) texts.push(toTable(local));
console.log(texts.join("\n\n"));
console.log(
  `\ntimes in microseconds; ${
    Object.entries(machine).map(([key, value]) => `${key} ${value}`).join(", ")
  }`,
);
if (options.json) {
  await Deno.writeTextFile(options.json, JSON.stringify({ machine, rows }, null, 1) + "\n");
}

async function commit(): Promise<string> {
  try {
    const { stdout } = await new Deno.Command("git", {
      args: ["rev-parse", "--short", "HEAD"],
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout).trim() || "unknown";
  } catch {
    return "unknown"; // no git here
  }
}
