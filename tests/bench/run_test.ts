/** The runner as a process. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { children, isAlive } from "../support/processes/process_table.ts";
import { limitMs } from "../support/time_factor.ts";

const RUN = new URL("../../bench/run.ts", import.meta.url).pathname;

function start(...args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", RUN, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function run(...args: string[]) {
  const { code, stdout, stderr } = await start(...args).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

Deno.test("`bench --help` lists every suite, and a usage error ends with status 2", async () => {
  const [help, suite, seconds, store] = await Promise.all([
    run("--help"),
    run("--suite", "hot", "lukewarm"),
    run("--seconds=-1"),
    run("--store", "sqlite:x"),
  ]);
  assertEquals(help.code, 0);
  for (const name of ["overhead", "hot", "warm", "cold", "throughput", "bandwidth", "soak"]) {
    assertStringIncludes(help.out, `\n  ${name} `);
  }
  assertEquals([suite.code, seconds.code, store.code], [2, 2, 2]);
  assertStringIncludes(suite.err, "unknown suite 'lukewarm': known suites are overhead, hot, ");
  assertStringIncludes(seconds.err, "option '--seconds' expects a number above 0, not '-1'");
  assertStringIncludes(store.err, "option '--store' expects etcd://HOST:PORT,…, not 'sqlite:x'");
});

Deno.test("`bench` prints a table, and writes JSON, a page and pictures", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [json, html] = [`${folder}/rows.json`, `${folder}/page.html`];
    const args = ["--suite", "overhead", "--quick", "--json", json, "--html", html];
    args.push("--pictures", `${folder}/pictures`);
    const { code, out, err } = await run(...args);
    assertEquals(code, 0, err);
    assertStringIncludes(out, "overhead, in microseconds");
    assert(/^ +64 +echo: both +\S/m.test(out), out);
    assertStringIncludes(err, "overhead …"); // progress is not part of the report
    const { machine, rows } = JSON.parse(await Deno.readTextFile(json));
    assertEquals(machine.deno, Deno.version.deno);
    assert(rows.length > 0 && rows.every(({ suite }: { suite: string }) => suite === "overhead"));
    assertStringIncludes(await Deno.readTextFile(html), 'id="overhead"');
    assertStringIncludes(await Deno.readTextFile(`${folder}/pictures/overhead.svg`), "<svg");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("`bench` ends cleanly on a signal: its processes have ended, and its rows are kept", async () => {
  const folder = await Deno.makeTempDir();
  const json = `${folder}/rows.json`;
  const child = start("--suite", "overhead", "hot", "--quick", "--json", json);
  const output = child.stdout.getReader();
  try {
    const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    for (let output = ""; !output.includes("hot …");) {
      const { done, value } = await lines.read();
      assert(!done, `it ended after ${output}`);
      output += value;
    }
    const limit = performance.now() + limitMs(30_000);
    const family = () => children(child.pid).flatMap((pid) => [pid, ...children(pid)]);
    while (family().length < 4) { // managers, and the first of the others
      assert(performance.now() < limit, "its processes did not start");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const started = family();
    child.kill("SIGINT");
    for (let read = await lines.read(); !read.done;) read = await lines.read();
    for (let read = await output.read(); !read.done;) read = await output.read();
    const { code } = await child.status;
    assertEquals(code, 130);
    assertEquals(started.filter(isAlive), []);
    const { rows } = JSON.parse(await Deno.readTextFile(json));
    assert(
      rows.some(({ suite }: { suite: string }) => suite === "overhead"),
      "the rows measured before the signal",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
