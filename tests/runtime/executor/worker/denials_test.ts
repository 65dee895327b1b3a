/** Functions whose denied calls of `node:` modules are reported by events, ticks and rejections that nothing handles. */

import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { FunctionError, type LogLine } from "../../../../mod.ts";
import { startLease } from "../../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";
import { until, within } from "../../../support/waiting.ts";

const none = new Uint8Array();
const encode = (text: string) => new TextEncoder().encode(text);

/** `run` runs its argument and never settles, `begin` returns at once, and `executor` names the executor. */
const SOURCE = `
  const AsyncFunction = (async () => {}).constructor;
  const bodyOf = (input) => new AsyncFunction(new TextDecoder().decode(input));
  const name = crypto.getRandomValues(new Uint8Array(8));
  const never = new Promise(() => {});
  let left = -1;
  export const run = async (input) => { await bodyOf(input)(); await never; };
  export const begin = (input) => { bodyOf(input)(); return 0; };
  export const later = async (input, output) => {
    await new Promise((resolve) => (globalThis.waiting ??= []).push(resolve));
    left = Math.max(left, input.length + output.length);
    output.fill(0xee);
    return 4;
  };
  export const release = () => { globalThis.waiting.forEach((go) => go()); return 0; };
  export const bytesLeft = (_, output) => { output[0] = left; return 1; };
  export async function* count() { yield 0; await never; }
  export const echo = (input, output) => { output.set(input); return input.length; };
  export const executor = (_, output) => { output.set(name); return 8; };
`;

/** Bodies of functions, and the part of the message that names what was denied. */
const DENIED: Record<string, [body: string, message: RegExp]> = {
  "a datagram socket that binds": [
    `(await import("node:dgram")).createSocket("udp4").bind(0);`,
    /Requires net access to "0\.0\.0\.0:0"/,
  ],
  "a datagram socket that sends": [
    `(await import("node:dgram")).createSocket("udp4").send("x", 1, "127.0.0.1");`,
    /Requires net access/,
  ],
  "http.get()": [
    `(await import("node:http")).get("http://127.0.0.1:9/");`,
    /Requires net access to "127\.0\.0\.1:9"/,
  ],
  "http.get() of a name": [
    `(await import("node:http")).get("http://localhost/");`,
    /Requires net access: getaddrinfo EPERM localhost/,
  ],
  "http2.connect()": [
    `(await import("node:http2")).connect("http://127.0.0.1:9/");`,
    /Requires net access/,
  ],
  "net.connect()": [
    `(await import("node:net")).connect(9, "127.0.0.1");`,
    /Requires net access/,
  ],
  "tls.connect()": [
    `(await import("node:tls")).connect(9, "127.0.0.1");`,
    /Requires net access/,
  ],
  "dns.promises.resolve()": [
    `(await import("node:dns")).promises.resolve("localhost");`,
    /Requires net access: queryA UNKNOWN localhost/,
  ],
  "fs.watch()": [
    `(await import("node:fs")).watch("/tmp");`,
    /ENOENT.*watch '\/tmp', and nothing handles the error: if it exists/,
  ],
  "fs.createReadStream()": [
    `(await import("node:fs")).createReadStream("/etc/passwd");`,
    /ENOENT.*open '\/etc\/passwd'/,
  ],
  "fs.createWriteStream()": [
    `(await import("node:fs")).createWriteStream("/tmp/hostile").write("x");`,
    /Requires write access to "\/tmp\/hostile".*functions never have this permission/,
  ],
  "fs.promises.readFile()": [
    `(await import("node:fs")).promises.readFile("/etc/passwd");`,
    /ENOENT.*open/,
  ],
  "fs.promises.glob()": [
    `const { glob } = (await import("node:fs")).promises; (async () => { for await (const _ of glob("/etc/*")); })();`,
    /glob\(\) of a folder that may not be read/,
  ],
  "fs.glob() with a callback that throws": [
    `(await import("node:fs")).glob("/etc/*", (error) => { if (error) throw error; });`,
    /glob\(\) of a folder that may not be read/,
  ],
  "a callback that throws": [
    `(await import("node:fs")).readFile("/etc/passwd", (error) => { throw error; });`,
    /ENOENT.*open/,
  ],
  "child_process.spawn()": [
    `(await import("node:child_process")).spawn("true");`,
    /Requires run access, and.*functions never have this permission/,
  ],
  "child_process.fork()": [
    `(await import("node:child_process")).fork("/tmp/x.js");`,
    /Requires write access, and.*functions never have this permission/,
  ],
  "cluster.fork()": [
    `(await import("node:cluster")).default.fork();`,
    /Requires write access, and.*functions never have this permission/,
  ],
  "Deno.connect()": [`Deno.connect({ port: 9 });`, /Requires net access/],
  "a worker of its own that is denied something": [
    `new Worker("data:text/javascript,Deno.connect({ port: 9 });", { type: "module" });`,
    /Unhandled error in child worker, and nothing handles the error/,
  ],
  "a timer": [`setTimeout(() => Deno.readFileSync("/etc/passwd"));`, /No such file/],
};

Deno.test("a denied call without a handler fails the running calls by its name, and the executor serves on", async () => {
  const lines: LogLine[] = [];
  await using held = await startLease({
    functions: packageOf(SOURCE),
    depth: 4,
    maxBytes: 4096,
    onLog: (line) => void lines.push(line),
  });
  const { lease } = held;
  const outcome = (name: string, input: Uint8Array) =>
    within(8000, name, lease.invoke(name, input).catch((error: Error) => error));
  const executor = await lease.invoke("executor", none);
  for (const [what, [body, message]] of Object.entries(DENIED)) {
    const error = await outcome("run", encode(body));
    assertInstanceOf(error, FunctionError, `${what}: ${error}`);
    assertMatch(error.message, message, what);
    const isNamed = /Requires/.test(error.message) ? "NotCapable" : "NotFound";
    assertEquals(error.remoteName, /child worker/.test(error.message) ? "Error" : isNamed, what);
    assertMatch(error.message, /permission|listener/, what);
    assertEquals(error.message.includes("--allow"), false, error.message);
    assertEquals(error.thrown, undefined, what);
  }
  assertEquals(await lease.invoke("executor", none), executor, "one executor served all");

  // Where the call has returned already, the lease's log has the error.
  lines.length = 0;
  assertEquals(await outcome("begin", encode(DENIED["fs.watch()"]![0])), none);
  await until(() => lines.length > 0, () => "the line");
  assertEquals(lines[0]!.level, "error");
  assertMatch(lines[0]!.text, /^NotFound: ENOENT.*watch '\/tmp'/);

  // Its neighbors fail with it. What they do afterwards reaches no later call of their slots.
  const neighbors = [8, 300].map((bytes) => outcome("later", new Uint8Array(bytes)));
  const chunks = lease.stream("count", none)[Symbol.asyncIterator]();
  assertEquals((await chunks.next()).value, none);
  const chunk = within(8000, "the chunk", chunks.next()).catch((error: Error) => error);
  const culprit = await outcome("run", encode(DENIED["http.get()"]![0]));
  for (const error of [culprit, ...await Promise.all(neighbors), await chunk]) {
    assertInstanceOf(error, FunctionError);
    assertEquals(error.remoteName, "NotCapable");
  }
  await lease.invoke("release", none);
  const bytesLeft = () => lease.invoke("bytesLeft", none);
  await until(async () => (await bytesLeft())[0] === 0, () => "no memory is left to them");
  const bytes = new Uint8Array(4000).fill(7);
  for (let i = 0; i < 8; i++) assertEquals(await lease.invoke("echo", bytes), bytes);
  assertEquals(await lease.invoke("executor", none), executor, "one executor served all");
});

Deno.test("a package that is denied something while it loads fails by the name of the permission", async () => {
  const functions = packageOf(`
    import { createSocket } from "node:dgram";
    createSocket("udp4").bind(0);
    await new Promise(() => {});
    export const echo = () => 0;
  `);
  const error = await within(
    10_000,
    "the lease",
    startLease({ functions }).then(
      async (held) => {
        await held[Symbol.asyncDispose]();
      },
      (error: Error) => error,
    ),
  );
  assert(error, "the lease began");
  assertMatch(`${error.message}`, /Requires net access to "0\.0\.0\.0:0"/);
});
