/** Functions that reach for what is not theirs: modules, files, sockets, processes, native code. THREATS.md, row 12. */

import { assert, assertEquals } from "@std/assert";
import { startCluster } from "../../support/cluster.ts";
import { startLease } from "../../support/cluster_lease.ts";
import { packageOf } from "../../support/functions_package.ts";

/** Runs each text as an async function body in an executor; gives what it returned, or the error's name and message. */
const functions = packageOf(`
  const AsyncFunction = (async () => {}).constructor;
  export async function run(input, output) {
    const body = new TextDecoder().decode(input);
    let said;
    try {
      said = "returned: " + String(await new AsyncFunction(body)());
    } catch (error) {
      said = "threw: " + (error && error.name) + ": " + (error && error.message);
    }
    return new TextEncoder().encodeInto(said, output).written;
  }
  export const echo = (input, output) => (output.set(input), input.length);
`);

Deno.test("a function can import no module but its own and empty ones", async () => {
  await using held = await startLease({ functions, maxBytes: 16384 });
  const { lease, cluster } = held;
  const run = async (body: string) =>
    new TextDecoder().decode(
      await lease.invoke("run", new TextEncoder().encode(body), { deadlineMs: 5000 }),
    );
  const names = (specifier: string) =>
    run(
      `const module = await import(${
        JSON.stringify(specifier)
      }); return JSON.stringify(Object.keys(module));`,
    );
  const here = (path: string) => new URL(path, import.meta.url).href;
  // A stack names the runtime's own files.
  const stack = await run("return new Error('x').stack + Error.captureStackTrace;");
  const files = [...stack.matchAll(/file:\/\/[^\s:)]+/g)].map(([file]) => file);
  const bundle = await run(`
    const prepare = Error.prepareStackTrace;
    Error.prepareStackTrace = (_, sites) => sites.map((site) => site.getFileName()).join();
    const files = new Error().stack; Error.prepareStackTrace = prepare; return files;`);
  const found = [...bundle.matchAll(/file:\/\/[^\s,]+/g)].map(([file]) => file);
  const folders = new Set([...files, ...found].map((file) => new URL(".", file).href));
  const executorFiles = [...folders].flatMap((
    folder,
  ) => [`${folder}worker.js`, `${folder}main.js`]);
  for (
    const file of [
      ...executorFiles,
      here("../../../mod.ts"),
      here("../../../runtime/executor/worker.ts"),
      here("../../../ffi/libc.ts"),
    ]
  ) {
    const answer = await names(file);
    assert(answer.startsWith("threw: ") || answer === "returned: []", `${file} ${answer}`);
  }
  assert(cluster.nodes.length === 1);
  // A module from memory may be had, but it comes by no more than the function itself.
  const inner = `try { await import(${
    JSON.stringify(here("../../../ffi/libc.ts"))
  }); } catch (error) { globalThis.caught = error.name; }`;
  await run(
    `await import("data:text/javascript," + encodeURIComponent(${JSON.stringify(inner)}));`,
  );
  assert((await run("return globalThis.caught;")) !== "returned: undefined");
  for (
    const specifier of [
      "npm:valibot",
      "npm:left-pad@1.3.0",
      "jsr:@std/assert",
      "https://example.com/x.js",
      "http://127.0.0.1:1/x.js",
      "node:ffi",
      "./other.js",
      "file:///etc/passwd",
    ]
  ) {
    const answer = await names(specifier);
    assert(answer.startsWith("threw: "), `${specifier}: ${answer}`);
  }
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
});

/** What is tried, as the body of an async function; every one must throw. */
const DENIED: Record<string, string> = {
  dlopen: `Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } });`,
  UnsafePointer: `Deno.UnsafePointer.create(4096n);`,
  "UnsafePointer.of": `Deno.UnsafePointer.of(new Uint8Array(8));`,
  UnsafePointerView: `new Deno.UnsafePointerView(null).getUint8();`,
  "UnsafePointerView.getArrayBuffer":
    `Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(4096n), 8);`,
  UnsafeFnPointer:
    `new Deno.UnsafeFnPointer(Deno.UnsafePointer.create(4096n), { parameters: [], result: "void" }).call();`,
  UnsafeCallback: `new Deno.UnsafeCallback({ parameters: [], result: "void" }, () => {});`,
  "permissions.request ffi":
    `if ((await Deno.permissions.request({ name: "ffi" })).state !== "granted") throw new Error("denied");`,
  open: `await Deno.open("/etc/passwd");`,
  readFile: `Deno.readFileSync("/etc/passwd");`,
  "readFile of the executor":
    `Deno.readFileSync(new URL("worker.js", "file://" + (Deno.mainModule ?? "/").replace("file://", "")));`,
  "read /proc/self/maps": `Deno.readTextFileSync("/proc/self/maps");`,
  "read /proc/self/mem": `Deno.openSync("/proc/self/mem");`,
  writeFile: `await Deno.writeTextFile("/tmp/rfaas-hostile", "x");`,
  makeTempDir: `await Deno.makeTempDir();`,
  readDir: `[...Deno.readDirSync("/")];`,
  connect: `await Deno.connect({ hostname: "127.0.0.1", port: 1 });`,
  "connect unix": `await Deno.connect({ transport: "unix", path: "/tmp/x" });`,
  listen: `Deno.listen({ port: 0 });`,
  fetch: `await fetch("http://127.0.0.1:1");`,
  WebSocket: `new WebSocket("ws://127.0.0.1:1");`,
  resolveDns: `await Deno.resolveDns("example.com", "A");`,
  Command: `await new Deno.Command("true").output();`,
  kill: `Deno.kill(Deno.ppid, "SIGTERM");`,
  env: `Deno.env.get("HOME");`,
  "env.toObject": `Deno.env.toObject();`,
  hostname: `Deno.hostname();`,
  "node:fs": `(await import("node:fs")).readFileSync("/etc/passwd");`,
  "node:fs promises": `await (await import("node:fs/promises")).readFile("/etc/passwd");`,
  "node:child_process": `(await import("node:child_process")).execSync("true");`,
  "node:net":
    `await new Promise((ok, no) => import("node:net").then((net) => { const s = net.connect(1, "127.0.0.1"); s.on("connect", ok); s.on("error", no); }, no));`,
  "node:os": `(await import("node:os")).hostname();`,
  "node:sqlite": `new (await import("node:sqlite")).DatabaseSync("/tmp/rfaas-hostile.db");`,
  "process.binding":
    `(await import("node:process")).default.binding("fs").open("/etc/passwd"); throw new Error("no such thing");`,
  "process.kill":
    `(await import("node:process")).default.kill((await import("node:process")).default.ppid);`,
  "worker with more rights":
    `new Worker("data:text/javascript,", { type: "module", deno: { permissions: { ffi: true, read: true } } });`,
};

Deno.test("a function is denied native code, files, sockets, processes and the environment", async () => {
  await using held = await startLease({ functions, maxBytes: 16384, depth: 1 });
  const { lease, client } = held;
  for (const [what, body] of Object.entries(DENIED)) {
    const said = new TextDecoder().decode(
      await lease.invoke("run", new TextEncoder().encode(body), { deadlineMs: 5000 }),
    );
    assert(said.startsWith("threw: "), `${what}: ${said}`);
    assert(!/ReferenceError|SyntaxError/.test(said), `${what} was not tried: ${said}`);
  }
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
  await using honest = await client.lease({ functions });
  assertEquals(await honest.invoke("echo", Uint8Array.of(2)), Uint8Array.of(2));
});

Deno.test("a function in a worker of its own making has no more rights either", async () => {
  await using held = await startLease({ functions, maxBytes: 16384, depth: 1 });
  const said = new TextDecoder().decode(
    await held.lease.invoke(
      "run",
      new TextEncoder().encode(`
      const inner = \`
        const tried = {};
        const attempt = (name, work) => { try { work(); tried[name] = "allowed"; } catch (error) { tried[name] = error.name; } };
        attempt("dlopen", () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }));
        attempt("read", () => Deno.readFileSync("/etc/passwd"));
        attempt("env", () => Deno.env.get("HOME"));
        attempt("pointer", () => Deno.UnsafePointer.create(4096n));
        postMessage(JSON.stringify(tried)); close();\`;
      const worker = new Worker("data:text/javascript," + encodeURIComponent(inner), { type: "module" });
      return await new Promise((ok, no) => {
        worker.onmessage = (event) => ok(event.data);
        worker.onerror = (event) => { event.preventDefault(); no(new Error(event.message)); };
      });`),
      { deadlineMs: 5000 },
    ),
  );
  assert(!said.includes("allowed"), said);
});

Deno.test("a function finds in its buffers its own slot and nothing else", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const look = packageOf(`
    export function sizes(input, output) {
      const said = new TextEncoder().encode([input.buffer.byteLength, output.buffer.byteLength, input.byteOffset, output.byteOffset,
        input.buffer === output.buffer, input.buffer.resizable].join());
      output.set(said); return said.length;
    }
    export function scribble(input, output) {
      new Uint8Array(input.buffer).fill(0xee); new Uint8Array(output.buffer).fill(0xee); return 5;
    }
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using lease = await client.lease({ functions: look, depth: 4, maxBytes: 2000 });
  const sizes = new TextDecoder().decode(await lease.invoke("sizes", new Uint8Array(10)));
  assertEquals(sizes, "2048,2048,0,0,false,false");
  // Whatever is written past the result reaches neither the caller nor another slot.
  const output = new Uint8Array(100);
  assertEquals(
    await lease.invoke("scribble", new Uint8Array(1), { output }),
    new Uint8Array(5).fill(0xee),
  );
  assertEquals(output.subarray(5), new Uint8Array(95));
  const bytes = new Uint8Array(2000).fill(7);
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) => lease.invoke(i % 2 ? "scribble" : "echo", bytes)),
  );
  replies.forEach((reply, i) => assertEquals(reply, i % 2 ? new Uint8Array(5).fill(0xee) : bytes));
});
