/** Each error of the public API, as an app receives it. */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  ArgumentTooLongError,
  connect,
  LeaseOverError,
  LeaseRefusedError,
  ManagerUnreachableError,
  ResultTooLongError,
  UnauthorizedError,
  UnknownFunctionError,
} from "../../mod.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { startLease } from "../support/cluster/cluster_lease.ts";
import { packageOf } from "../support/functions/functions_package.ts";
import { limitMs } from "../support/time_factor.ts";
import { within } from "../support/waiting.ts";

const none = new Uint8Array();

Deno.test("an unknown function, a long argument and a long result fail with the value in the message", async () => {
  await using held = await startLease({ maxBytes: 100 });
  const { lease } = held;
  for (const name of ["nothing", "", "__proto__", "constructor", "toString", "calls", "e\0cho"]) {
    await assertRejects(
      () => lease.invoke(name, none),
      UnknownFunctionError,
      `Cannot call ${name}`,
    );
  }
  await assertRejects(
    () => lease.invoke("echo", new Uint8Array(101)),
    ArgumentTooLongError,
    "101 bytes",
  );
  const big = new Uint8Array(4);
  new DataView(big.buffer).setUint32(0, 101);
  await assertRejects(
    () => lease.invoke("produce", big),
    ResultTooLongError,
    "101 bytes, the output buffer has 100",
  );
  new DataView(big.buffer).setUint32(0, 8);
  await assertRejects(
    () => lease.invoke("produce", big, { output: new Uint8Array(7) }),
    ResultTooLongError,
    "8 bytes, the output buffer has 7",
  );
  await assertRejects(
    () => lease.invoke("echo", "text" as unknown as Uint8Array),
    TypeError,
    "not a Uint8Array",
  );
  assertEquals((await lease.invoke("produce", big)).length, 8);
});

Deno.test("a closed lease fails calls in flight, waiting, prepared and new with LeaseOverError", async () => {
  await using held = await startLease({ depth: 1, maxBytes: 64 });
  const { lease, client } = held;
  const events: string[] = [];
  const reading = (async () => {
    for await (const event of lease.status()) events.push(event.type);
  })();
  const prepared = lease.prepare("echo");
  prepared.close();
  const running = assertRejects(
    () => lease.invoke("never", none),
    LeaseOverError,
    "closed by the client",
  );
  const waiting = assertRejects(
    () => lease.invoke("echo", none),
    LeaseOverError,
    "closed by the client",
  );
  const atMs = performance.now();
  await within(3000, "closing", lease.close());
  await Promise.all([running, waiting, reading]);
  assert(performance.now() - atMs < limitMs(2000));
  assertEquals(events, ["closed"]);
  assertEquals(await lease.closed, { code: "closed", message: "closed by the client" });
  await assertRejects(() => lease.invoke("echo", none), LeaseOverError, "closed by the client");
  assertThrows(() => lease.prepare("echo"), LeaseOverError, "closed by the client");
  await lease.close();
  // Prepared calls that are open when their lease is closed.
  await using second = await client.lease({ functions: packageOf("export const f = () => 0;") });
  const call = second.prepare("f");
  assertEquals(call.invokeSync(0), 0);
  const inFlight = second.prepare("f");
  inFlight.start(0);
  await second.close();
  assertThrows(() => call.invokeSync(0), LeaseOverError);
  await assertRejects(() => call.invoke(0), LeaseOverError);
  call.close();
  inFlight.close();
});

Deno.test("a lease whose term ends fails calls of every kind with LeaseOverError", async () => {
  await using held = await startLease({
    termMs: 2_000,
    renew: false,
    maxBytes: 64,
    workers: 2,
  });
  const { lease, termMs } = held;
  const leftMs = lease.expires.getTime() - Date.now();
  assert(leftMs > 0 && leftMs <= termMs! + 100, `${leftMs} ms`); // the clocks of client and manager differ
  const running = assertRejects(
    () => lease.invoke("never", none),
    LeaseOverError,
    "its term is over",
  );
  using call = lease.prepare("spin", { worker: 1 });
  await running; // without blocking the calling thread; a synchronous call follows
  assertThrows(() => call.invokeSync(0), LeaseOverError, "its term is over");
  assertEquals(await lease.closed, { code: "expired", message: "its term is over" });
});

Deno.test("a term that ends during a prepared call without a deadline fails it with LeaseOverError", async () => {
  await using held = await startLease({ termMs: 2_000, renew: false, maxBytes: 64 });
  using call = held.lease.prepare("spin");
  const atMs = performance.now();
  // The managers run on this thread. A synchronous call would block them, and the lease would never end.
  await assertRejects(() => call.invoke(0), LeaseOverError, "its term is over");
  const tookMs = performance.now() - atMs;
  assert(tookMs < limitMs(5000), `the call ended after ${tookMs} ms`);
});

Deno.test("a lease beyond the capacity, or of a package that does not load, fails with LeaseRefusedError", async () => {
  await using cluster = await startCluster({ cores: 2, memoryBytes: 2 ** 30 });
  const client = await cluster.connect();
  const good = packageOf("export const f = (input, output) => (output.set(input), input.length);");
  const refused = async (options: Parameters<typeof client.lease>[0]) => {
    const refusal = assertRejects(() => client.lease(options), LeaseRefusedError);
    const error: LeaseRefusedError = await within(10_000, "a refusal", refusal);
    return `${error.reason}: ${error.message}`;
  };
  const expect = async (pattern: RegExp, options: Parameters<typeof client.lease>[0]) => {
    const text = await refused(options);
    assert(pattern.test(text), text);
  };
  await expect(/^full: /, { functions: good, workers: 3 });
  await expect(/^full: /, { functions: good, workers: 1024 });
  await expect(/^full: /, { functions: good, memory: "2GiB" });
  await expect(/^full: /, { functions: good, memory: "1TiB" });
  for (const workers of [0, -1, 1.5, NaN, 1025, 2 ** 31, Infinity]) {
    await assertRejects(() => client.lease({ functions: good, workers }), RangeError, `${workers}`);
  }
  for (const memory of [-1, NaN, "much", "-1MiB", "1e9"]) {
    await assertRejects(() => client.lease({ functions: good, memory }), RangeError, "memory");
  }
  for (const maxBytes of [0, -1, 2 ** 30 + 1, 2 ** 31, "1025MiB"]) {
    await assertRejects(() => client.lease({ functions: good, maxBytes }), RangeError, "maxBytes");
  }
  for (const depth of [0, 257, 0.5]) {
    await assertRejects(() => client.lease({ functions: good, depth }), RangeError, "depth");
  }
  for (const termMs of [999, 86_400_001, -5]) {
    await assertRejects(() => client.lease({ functions: good, termMs }), RangeError, "termMs");
  }
  await using first = await client.lease({ functions: good, workers: 2 });
  await expect(/^full: /, { functions: good });
  await first.close();

  await expect(/^bad-package: .*SyntaxError/s, { functions: packageOf("export const f = (;") });
  await expect(/^bad-package: .*no function/s, { functions: packageOf("export const x = 1;") });
  await expect(/^bad-package: .*it exports nothing, .*; write/s, {
    functions: packageOf("// none"),
  });
  await expect(/^bad-package: .*Error: at load/s, {
    functions: packageOf("throw new Error('at load');"),
  });
  await expect(/^bad-package: .*null/s, { functions: packageOf("throw null;") });
  await expect(/^bad-package: /, {
    functions: packageOf(
      "await Promise.reject({ get message() { throw 1; } }); export const f = 1;",
    ),
  });
  await expect(/^bad-package: /, {
    functions: packageOf('import "./other.ts"; export const f = () => 0;'),
  });
  await expect(/^bad-package: /, { functions: Uint8Array.of(0xff, 0xfe, 0x00, 0x80) });
  await expect(/^bad-package: .*0 bytes/, { functions: new Uint8Array() });
  await expect(/^bad-package: .*missing-here\.ts/s, {
    functions: new URL(`./missing-here.ts`, import.meta.url),
  });
  await expect(/^bad-package: .*missing-here\.ts/s, { functions: "missing-here.ts" });
  await expect(/^bad-package: .*Cannot read package file:/, {
    functions: new URL(".", import.meta.url),
  });

  await assertRejects(
    () => client.lease({ functions: good, idempotent: ["f", "misspelt"] }),
    UnknownFunctionError,
    "idempotent names misspelt, the package exports only f",
  );

  await using last = await client.lease({ functions: good, workers: 2 });
  assertEquals(
    await last.invoke("f", Uint8Array.of(5)),
    Uint8Array.of(5),
    "all workers were released",
  );
});

Deno.test("a closed client or an aborted signal fails a lease that is being taken", async () => {
  await using cluster = await startCluster();
  const functions = packageOf(`export const echo = (i) => i.length; // ${"x".repeat(8e6)}`);
  for (const close of [true, false]) {
    await using client = await cluster.connect();
    const abort = new AbortController();
    const taking = client.lease({ functions, signal: abort.signal }).then(() => null, (e) => e);
    await Promise.resolve(); // the package is hashed: no request was sent to the resource manager yet
    if (close) await client.close();
    else abort.abort(new Error("aborted"));
    const error = await within(20_000, "the lease request", taking);
    if (close) assertInstanceOf(error, LeaseRefusedError);
    assertEquals(error.message, close ? "Cannot take lease: the client was closed" : "aborted");
  }
});

Deno.test("a missing manager, an unknown token and a token of another role fail `connect()`", async () => {
  await using cluster = await startCluster({ nodes: 0 });
  const { managerUrl: manager } = cluster;
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  await assertRejects(
    () => connect({ manager: `http://127.0.0.1:${port}`, token: "x" }),
    ManagerUnreachableError,
    `${port}`,
  );
  await assertRejects(
    () => connect({ manager: "unix:/no/such/socket", token: "x" }),
    ManagerUnreachableError,
    "/no/such/socket",
  );
  await assertRejects(() => connect({ manager, token: "wrong" }), UnauthorizedError);
  await assertRejects(() => connect({ manager, token: cluster.nodeToken }), UnauthorizedError);
  await assertRejects(() => connect({ manager, token: "two words\n" }), TypeError);
  await assertRejects(() => connect({ manager: "ftp://x", token: "x" }), TypeError);
  const client = await cluster.connect();
  const functions = packageOf("export const f = () => 0;");
  const error = await assertRejects(() => client.lease({ functions }), LeaseRefusedError);
  assertEquals(error.reason, "no-nodes");
  await client.close();
  await assertRejects(() => client.lease({ functions }), TypeError, "the client is closed");
});

Deno.test("a program without native code fails each lease with FabricUnavailableError and the flag", async () => {
  await using cluster = await startCluster();
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const script = `
    import { connect, FabricUnavailableError } from ${JSON.stringify(mod)};
    const client = await connect();
    for (let i = 0; i < 2; i++) {
      try { await client.lease({ functions: new TextEncoder().encode("export const f = () => 0;") }); }
      catch (error) { console.log(error instanceof FabricUnavailableError, error.message.includes("--allow-ffi")); }
    }
    await client.close();`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-lock",
      "--no-check",
      "--no-prompt",
      "--allow-all",
      "--deny-ffi",
      `data:text/typescript,${encodeURIComponent(script)}`,
    ],
    env: { NO_COLOR: "1", RFAAS_MANAGER: cluster.managerUrl, RFAAS_TOKEN: cluster.clientToken },
    signal: AbortSignal.timeout(limitMs(20_000)),
  }).output();
  assertEquals(
    new TextDecoder().decode(stdout),
    "true true\ntrue true\n",
    new TextDecoder().decode(stderr),
  );
});
