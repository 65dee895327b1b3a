import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { bootMachine } from "../../scripts/vm/machine.ts";

const PROGRAM = new URL("../../scripts/vm.ts", import.meta.url).pathname;
/** How long a killed process may take to end. */
const GONE_MS = 10_000;

Deno.test("vm runs a command as on this host, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stdout, stderr } = await vm(["--", "sh", "-c", "cat; echo err >&2; exit 3"], folder)
    .output();
  assertEquals(new TextDecoder().decode(stdout), "in");
  assertMatch(new TextDecoder().decode(stderr), /times slower than this host[^]*\nerr\n$/);
  assertEquals(code, 3);
  assertEquals(await traces(folder), []);
  await Deno.remove(folder);
});

Deno.test("vm ends its machine when SIGTERM or SIGKILL ends it", async () => {
  // At once, since a boot takes longer than all the rest.
  await Promise.all([endBySignal("SIGTERM", 143), endBySignal("SIGKILL", 137)]);
});

async function endBySignal(signal: Deno.Signal, expected: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  const child = vm(["--", "sh", "-c", "echo up; sleep 1000"], folder);
  const output = child.stdout.getReader();
  const errors = new Response(child.stderr).text();
  const { value, done } = await output.read();
  assertEquals(new TextDecoder().decode(value), "up\n", done ? await errors : signal);
  assertEquals((await traces(folder)).length, 1);
  child.kill(signal);
  assertEquals((await child.status).code, expected, signal);
  await Promise.all([output.cancel(), errors]);
  const deadline = Date.now() + GONE_MS;
  while ((await traces(folder)).length > 0 && Date.now() < deadline) await nextCheck();
  assertEquals(await traces(folder), [], signal);
  await Deno.remove(folder);
}

Deno.test("vm ends a machine at its time limit, even while the machine boots", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await vm(["--timeout", "1.5", "--", "true"], folder).output();
  assertMatch(new TextDecoder().decode(stderr), /Cannot finish true: still running after 1.5 s/);
  assertEquals(code, 124);
  assertEquals(await traces(folder), []);
  await Deno.remove(folder);
});

Deno.test("`bootMachine()` rejects and leaves no machine when its signal is aborted early", async () => {
  for (const ms of [0, 10, 30, 100]) {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), ms);
    if (ms === 0) end.abort();
    const error = await assertRejects(() => bootMachine({ signal: end.signal }));
    assertMatch((error as Error).message, /aborted/);
    clearTimeout(timer);
  }
});

/** Runs it with "in" as its input, and `folder` as its temporary folder. */
function vm(args: string[], folder: string): Deno.ChildProcess {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", "--quiet", PROGRAM, ...args],
    env: { TMPDIR: folder },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  ReadableStream.from([new TextEncoder().encode("in")]).pipeTo(child.stdin).catch(() => {});
  return child;
}

/** The files in a folder, and the machines that were started with files there. */
async function traces(folder: string): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  for await (const { name } of Deno.readDir("/proc")) {
    const line = /^\d+$/.test(name) &&
      await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line && line.startsWith("qemu-system-") && line.includes(folder)) found.push(name);
  }
  return found;
}

function nextCheck(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
