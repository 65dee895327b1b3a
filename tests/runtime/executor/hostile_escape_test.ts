/** Functions that try to reach modules, files, sockets, processes and native code. */

import { assert, assertEquals } from "@std/assert";
import { startCluster } from "../../support/cluster/cluster.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";

/** Runs its argument as the body of an async function; returns the result, or the error's name and message, as text. */
const functions = packageOf(`
  const AsyncFunction = (async () => {}).constructor;
  export async function run(input, output) {
    const body = new TextDecoder().decode(input);
    let outcome;
    try {
      outcome = "returned: " + String(await new AsyncFunction(body)());
    } catch (error) {
      outcome = "threw: " + (error && error.name) + ": " + (error && error.message);
    }
    return new TextEncoder().encodeInto(outcome, output).written;
  }
  export const echo = (input, output) => (output.set(input), input.length);
`);

Deno.test("a function can import its own module and empty ones, and no others", async () => {
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
  // A stack shows the paths of the runtime's own files.
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
  // A module from memory can be imported, but has no more rights than the function.
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

Deno.test("a function cannot close the libraries and ports of the runtime", async () => {
  await using held = await startLease({ functions, maxBytes: 16384, depth: 1 });
  const { lease } = held;
  const run = async (body: string) =>
    new TextDecoder().decode(await lease.invoke("run", new TextEncoder().encode(body)));
  const name = await run("return globalThis.name = crypto.randomUUID();");
  // What is closed is unmapped, machine code too: the next call would run into it.
  await run(`
    const internals = Reflect.ownKeys(Deno).map((key) => Deno[key]).filter((value) => value?.core);
    for (const { core } of internals) {
      for (let id = 0; id < 64; id++) core.tryClose(id);
    }`).catch(() => {});
  assertEquals(await run("return globalThis.name;"), name, "the executor serves on");
});

/** Bodies of async functions, each of which must throw. */
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
  env: `if (Deno.env.get("HOME") === undefined) throw new Error("not there");`,
  "env.toObject": `if (Object.keys(Deno.env.toObject()).length === 0) throw new Error("empty");`,
  "env.set":
    `Deno.env.set("A", "1"); if (Deno.env.get("A") === undefined) throw new Error("not set");`,
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
    const outcome = new TextDecoder().decode(
      await lease.invoke("run", new TextEncoder().encode(body), { deadlineMs: 5000 }),
    );
    assert(outcome.startsWith("threw: "), `${what}: ${outcome}`);
    assert(!/ReferenceError|SyntaxError/.test(outcome), `${what} was not tried: ${outcome}`);
  }
  assertEquals(await lease.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
  await using honest = await client.lease({ functions });
  assertEquals(await honest.invoke("echo", Uint8Array.of(2)), Uint8Array.of(2));
});

Deno.test("a function in a worker that another function made has no more rights", async () => {
  await using held = await startLease({ functions, maxBytes: 16384, depth: 1 });
  const outcome = new TextDecoder().decode(
    await held.lease.invoke(
      "run",
      new TextEncoder().encode(`
      const inner = \`
        const tried = {};
        const attempt = (name, work) => { try { work(); tried[name] = "allowed"; } catch (error) { tried[name] = error.name; } };
        attempt("dlopen", () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }));
        attempt("read", () => Deno.readFileSync("/etc/passwd"));
        attempt("env", () => { if (Deno.env.get("HOME") === undefined) throw new Error("not there"); });
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
  assert(!outcome.includes("allowed"), outcome);
});

Deno.test("a function finds its own slot in its buffers and nothing else", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const look = packageOf(`
    export function sizes(input, output) {
      const outcome = new TextEncoder().encode([input.buffer.byteLength, output.buffer.byteLength, input.byteOffset, output.byteOffset,
        input.buffer === output.buffer, input.buffer.resizable].join());
      output.set(outcome); return outcome.length;
    }
    export function scribble(input, output) {
      new Uint8Array(input.buffer).fill(0xee); new Uint8Array(output.buffer).fill(0xee); return 5;
    }
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using lease = await client.lease({ functions: look, depth: 4, maxBytes: 2000 });
  const sizes = async (bytes: number) =>
    new TextDecoder().decode(await lease.invoke("sizes", new Uint8Array(bytes)));
  assertEquals(await sizes(113), "2048,2048,0,0,false,false");
  assertEquals(await sizes(112), "112,2048,0,0,false,false", "the argument is in the slot's line");
  // Bytes written past the result reach neither the caller nor another slot.
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

Deno.test("a function that writes to the sockets of its own process does not harm other leases", async () => {
  await using held = await startLease({ functions, maxBytes: 16384, depth: 1 });
  const { lease, client, cluster } = held;
  await using other = await client.lease({ functions });
  const write = `
    const net = await import("node:net");
    for (let fd = 0; fd < 100; fd++) {
      try {
        const socket = new net.Socket({ fd });
        socket.on("error", () => {});
        socket.on("data", () => {});
        socket.write(new Uint8Array(4096).fill(0xff));
      } catch { /* no socket */ }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));`;
  await lease.invoke("run", new TextEncoder().encode(write), { deadlineMs: 5000 }).catch(() => {});
  assertEquals(await other.invoke("echo", Uint8Array.of(1)), Uint8Array.of(1));
  await using later = await client.lease({ functions });
  assertEquals(await later.invoke("echo", Uint8Array.of(2)), Uint8Array.of(2));
  assertEquals(cluster.nodes.length, 1);
});
