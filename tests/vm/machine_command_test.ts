import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { bootMachine } from "../../scripts/vm/machine.ts";

const PROGRAM = new URL("../../scripts/vm.ts", import.meta.url).pathname;
/** How long a killed process may take to go. */
const GONE_MS = 10_000;

Deno.test("vm runs a command as if it ran here, and leaves nothing", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stdout, stderr } = await vm(["--", "sh", "-c", "cat; echo err >&2; exit 3"], folder)
    .output();
  assertEquals(new TextDecoder().decode(stdout), "in");
  assertMatch(new TextDecoder().decode(stderr), /times slower than this host[^]*\nerr\n$/);
  assertEquals(code, 3);
  assertEquals(await traces(folder), []);
  await Deno.remove(folder);
});

for (const [signal, expected] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGKILL", 137]] as const) {
  Deno.test(`vm takes the machine with it when it is ended by ${signal}`, async () => {
    const folder = await Deno.makeTempDir();
    const child = vm(["--", "sh", "-c", "echo up; sleep 1000"], folder);
    const output = child.stdout.getReader();
    assertEquals(new TextDecoder().decode((await output.read()).value), "up\n");
    assertEquals((await traces(folder)).length, 1);
    child.kill(signal);
    assertEquals((await child.status).code, expected);
    await Promise.all([output.cancel(), child.stderr.cancel()]);
    const deadline = Date.now() + GONE_MS;
    while ((await traces(folder)).length > 0 && Date.now() < deadline) await nextLook();
    assertEquals(await traces(folder), []);
    await Deno.remove(folder);
  });
}

Deno.test("vm ends a machine at its time limit, even while it boots", async () => {
  const folder = await Deno.makeTempDir();
  const { code, stderr } = await vm(["--timeout", "1.5", "--", "true"], folder).output();
  assertMatch(new TextDecoder().decode(stderr), /Cannot wait for true: not at its end after 1.5 s/);
  assertEquals(code, 124);
  assertEquals(await traces(folder), []);
  await Deno.remove(folder);
});

Deno.test("a machine that is given up before it has power is gone, and its boot says so", async () => {
  for (const ms of [0, 10, 30, 100]) {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), ms);
    if (ms === 0) end.abort();
    const error = await assertRejects(() => bootMachine({ signal: end.signal }));
    assertMatch((error as Error).message, /aborted/);
    clearTimeout(timer);
  }
});

/** Runs it with "in" as its input; what it makes in the temporary folder is in this one. */
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

/** @returns files there, and machines that were started with files there. */
async function traces(folder: string): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  for await (const { name } of Deno.readDir("/proc")) {
    const line = /^\d+$/.test(name) &&
      await Deno.readTextFile(`/proc/${name}/cmdline`).catch(() => "");
    if (line && line.startsWith("qemu-system-") && line.includes(folder)) found.push(name);
  }
  return found;
}

function nextLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
