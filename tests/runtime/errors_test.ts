import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  ArgumentTooLong,
  connect,
  FunctionError,
  LeaseOver,
  LeaseRefused,
  ManagerUnreachable,
  ResultTooLong,
  RfaasError,
  Unauthorized,
  UnknownFunction,
} from "../../mod.ts";
import { startCluster } from "../support/cluster.ts";
import { startLease, within } from "../support/cluster_lease.ts";
import { packageOf } from "../support/functions_package.ts";
import { limitMs, termSeconds } from "../support/time_factor.ts";

const none = new Uint8Array();

Deno.test("FunctionError tells the name, message and stack of whatever was thrown", async () => {
  const functions = packageOf(`
    class Odd extends Error { name = "Odd"; }
    const trap = () => { throw new Error("trap"); };
    export const error = () => { throw new RangeError("out of it"); };
    export const own = () => { throw new Odd("own class"); };
    export const nul = () => { throw null; };
    export const undef = () => { throw undefined; };
    export const text = () => { throw "a text"; };
    export const number = () => { throw 42; };
    export const big = () => { throw 1n; };
    export const symbol = () => { throw Symbol("sym"); };
    export const getters = () => { throw { get name() { trap(); }, get message() { trap(); }, get stack() { trap(); }, toString: trap, valueOf: trap, [Symbol.toPrimitive]: trap }; };
    export const proxy = () => { throw new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap }); };
    export const objects = () => { throw { name: {}, message: [1, 2], stack: () => 1 }; };
    export const bare = () => { throw Object.create(null); };
    export const rejects = () => Promise.reject(new TypeError("later"));
    export const zero = () => { throw new Error("a\\0b"); };
    export const long = () => { throw new Error("x".repeat(1e6)); };
    export const surrogates = () => { throw new Error("\\ud800 é 🎈"); };
    export const deep = () => deep();
    export const returnsUndefined = () => {};
    export const returnsNaN = () => NaN;
    export const returnsMinus = () => -1;
    export const returnsHalf = () => 1.5;
    export const returnsText = () => "3";
    export const returnsNull = () => null;
    export const returnsBig = () => 3n;
    export const returnsObject = () => ({ valueOf: () => 3 });
    export const returnsInfinity = () => Infinity;
    export const returnsMinusZero = () => -0;
  `);
  await using held = await startLease({ functions, depth: 1, maxBytes: 2048 });
  const { lease } = held;
  const thrown = (name: string) => assertRejects(() => lease.invoke(name, none), FunctionError);
  const said = async (name: string) => {
    const { remoteName, message } = await thrown(name);
    return [remoteName, message];
  };
  const error = await thrown("error");
  assertEquals([error.remoteName, error.message], [
    "RangeError",
    "error threw RangeError: out of it",
  ]);
  assert(error.remoteStack.includes("RangeError: out of it"), error.remoteStack);
  assertInstanceOf(error, RfaasError);
  assertEquals(error.name, "FunctionError");
  assertEquals(await said("own"), ["Odd", "own threw Odd: own class"]);
  assertEquals(await said("nul"), ["thrown", "nul threw thrown: null"]);
  assertEquals(await said("undef"), ["thrown", "undef threw thrown: undefined"]);
  assertEquals(await said("text"), ["thrown", "text threw thrown: a text"]);
  assertEquals(await said("number"), ["thrown", "number threw thrown: 42"]);
  assertEquals(await said("big"), ["thrown", "big threw thrown: 1"]);
  assertEquals(await said("symbol"), ["thrown", "symbol threw thrown: Symbol(sym)"]);
  assertEquals(await said("getters"), [
    "thrown",
    "getters threw thrown: a value that cannot be shown",
  ]);
  assertEquals(await said("proxy"), ["thrown", "proxy threw thrown: a value that cannot be shown"]);
  assertEquals(await said("bare"), ["thrown", "bare threw thrown: a value that cannot be shown"]);
  assertEquals((await said("objects"))[0], "[object Object]");
  assertEquals(await said("rejects"), ["TypeError", "rejects threw TypeError: later"]);
  await thrown("zero");
  const long = await thrown("long");
  assert(long.message.length > 1000 && long.message.length < 2100, `${long.message.length}`);
  assertEquals((await said("surrogates"))[1], "surrogates threw Error: \ufffd é 🎈");
  assertEquals((await said("deep"))[0], "RangeError");
  for (
    const [name, kind] of Object.entries({
      returnsUndefined: "undefined",
      returnsNaN: "NaN",
      returnsMinus: "-1",
      returnsHalf: "1.5",
      returnsText: "string",
      returnsNull: "null",
      returnsBig: "bigint",
      returnsObject: "object",
    })
  ) {
    assertEquals(await said(name), [
      "TypeError",
      `${name} threw TypeError: Cannot take the function's result: it must return the bytes written, not ${kind}`,
    ]);
  }
  await assertRejects(() => lease.invoke("returnsInfinity", none), RfaasError);
  assertEquals((await lease.invoke("returnsMinusZero", none)).length, 0);
  using call = lease.prepare("getters");
  assertThrows(() => call.invokeSync(0), FunctionError);
});

Deno.test("UnknownFunction, ArgumentTooLong and ResultTooLong name the value, and the lease goes on", async () => {
  await using held = await startLease({ maxBytes: 100 });
  const { lease } = held;
  for (const name of ["nothing", "", "__proto__", "constructor", "toString", "calls", "e\0cho"]) {
    await assertRejects(() => lease.invoke(name, none), UnknownFunction, `Cannot call ${name}`);
  }
  await assertRejects(
    () => lease.invoke("echo", new Uint8Array(101)),
    ArgumentTooLong,
    "101 bytes",
  );
  const big = new Uint8Array(4);
  new DataView(big.buffer).setUint32(0, 101);
  await assertRejects(
    () => lease.invoke("produce", big),
    ResultTooLong,
    "101 bytes, there is room for 100",
  );
  new DataView(big.buffer).setUint32(0, 8);
  await assertRejects(
    () => lease.invoke("produce", big, { output: new Uint8Array(7) }),
    ResultTooLong,
    "8 bytes, there is room for 7",
  );
  await assertRejects(
    () => lease.invoke("echo", "text" as unknown as Uint8Array),
    TypeError,
    "no Uint8Array",
  );
  assertEquals((await lease.invoke("produce", big)).length, 8);
});

Deno.test("LeaseOver: a lease that was closed, with calls under way, waiting, prepared and new", async () => {
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
    LeaseOver,
    "closed by the client",
  );
  const waiting = assertRejects(
    () => lease.invoke("echo", none),
    LeaseOver,
    "closed by the client",
  );
  const atMs = performance.now();
  await within(3000, "closing", lease.close());
  await Promise.all([running, waiting, reading]);
  assert(performance.now() - atMs < limitMs(2000));
  assertEquals(events, ["closed"]);
  assertEquals(await lease.closed, "closed by the client");
  await assertRejects(() => lease.invoke("echo", none), LeaseOver, "closed by the client");
  assertThrows(() => lease.prepare("echo"), LeaseOver, "closed by the client");
  await lease.close();
  // A prepared call that is held when its lease is closed.
  await using second = await client.lease({ functions: packageOf("export const f = () => 0;") });
  const call = second.prepare("f");
  assertEquals(call.invokeSync(0), 0);
  const under = second.prepare("f");
  under.start(0);
  await second.close();
  assertThrows(() => call.invokeSync(0), LeaseOver);
  await assertRejects(() => call.invoke(0), LeaseOver);
  call.close();
  under.close();
});

Deno.test("LeaseOver: the term of a lease that is not renewed, for calls of every kind", async () => {
  await using held = await startLease({
    seconds: termSeconds(2),
    renew: false,
    maxBytes: 64,
    workers: 2,
  });
  const { lease } = held;
  const leftMs = lease.expires.getTime() - Date.now();
  assert(leftMs > 0 && leftMs <= termSeconds(2) * 1000 + 100, `${leftMs} ms`); // two clocks are read
  const running = assertRejects(() => lease.invoke("never", none), LeaseOver, "its term is over");
  using call = lease.prepare("spin", { worker: 1 });
  await running; // the client's thread was free: the other way is a synchronous call, below
  assertThrows(() => call.invokeSync(0), LeaseOver, "its term is over");
  assertEquals(await lease.closed, "expired: its term is over");
});

Deno.test("LeaseOver: the term ends under a synchronous call that has no deadline", async () => {
  await using held = await startLease({ seconds: termSeconds(2), renew: false, maxBytes: 64 });
  using call = held.lease.prepare("spin");
  const atMs = performance.now();
  // The managers live on this thread, which is blocked: the node's clock can't end the lease meanwhile.
  // So the spinning call runs in a thread of its own kind: by promise.
  await assertRejects(() => call.invoke(0), LeaseOver, "its term is over");
  const tookMs = performance.now() - atMs;
  assert(tookMs < limitMs(5000), `it ended after ${tookMs} ms`);
});

Deno.test("LeaseRefused: more than there is, and packages that cannot be loaded; the node serves others", async () => {
  await using cluster = await startCluster({ cores: 2, memoryBytes: 2 ** 30 });
  const client = await cluster.connect();
  const good = packageOf("export const f = (input, output) => (output.set(input), input.length);");
  const refused = async (options: Parameters<typeof client.lease>[0]) => {
    const refusal = assertRejects(() => client.lease(options), LeaseRefused);
    const error: LeaseRefused = await within(10_000, "a refusal", refusal);
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
  for (const maxBytes of [0, -1, 2 ** 30, 2 ** 31, "1GiB"]) {
    await assertRejects(() => client.lease({ functions: good, maxBytes }), RangeError, "maxBytes");
  }
  for (const depth of [0, 257, 0.5]) {
    await assertRejects(() => client.lease({ functions: good, depth }), RangeError, "depth");
  }
  for (const seconds of [0, 86_401, -5]) {
    await assertRejects(() => client.lease({ functions: good, seconds }), RangeError, "seconds");
  }
  await using first = await client.lease({ functions: good, workers: 2 });
  await expect(/^full: /, { functions: good });
  await first.close();

  await expect(/^bad-package: .*SyntaxError/s, { functions: packageOf("export const f = (;") });
  await expect(/^bad-package: .*no function/s, { functions: packageOf("export const x = 1;") });
  await expect(/^bad-package: .*no function/s, { functions: packageOf("// nothing") });
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
    functions: new URL("./missing-here.ts", import.meta.url),
  });
  await expect(/^bad-package: .*missing-here\.ts/s, { functions: "missing-here.ts" });
  await expect(/^bad-package: .*can't be read/, { functions: new URL(".", import.meta.url) });

  await assertRejects(
    () => client.lease({ functions: good, idempotent: ["f", "misspelt"] }),
    UnknownFunction,
    "idempotent names misspelt, the package exports only f",
  );

  await using last = await client.lease({ functions: good, workers: 2 });
  assertEquals(
    await last.invoke("f", Uint8Array.of(5)),
    Uint8Array.of(5),
    "everything was given back",
  );
});

Deno.test("LeaseRefused: a package that never finishes loading", async () => {
  await using cluster = await startCluster({ cores: 3 });
  const client = await cluster.connect({ attachMs: limitMs(1500) });
  const sources = [
    "await new Promise(() => {});",
    "for (;;);",
    "self.close(); await new Promise(() => {});",
  ];
  const refusals = sources.map((source) => {
    const functions = packageOf(`${source} export const f = () => 0;`);
    return assertRejects(() => client.lease({ functions }), LeaseRefused, "Cannot load");
  });
  const errors: LeaseRefused[] = await within(20_000, "refusals", Promise.all(refusals));
  assertEquals(errors.map(({ reason }) => reason), ["bad-package", "bad-package", "bad-package"]);
  const good = packageOf("export const f = () => 0;");
  await using lease = await client.lease({ functions: good, workers: 2 });
  assertEquals(await lease.invoke("f", none), none);
});

Deno.test("LeaseRefused: a client that is closed, or a signal that strikes, while a lease is prepared", async () => {
  await using cluster = await startCluster();
  const functions = packageOf(`export const echo = (i) => i.length; // ${"x".repeat(8e6)}`);
  for (const close of [true, false]) {
    await using client = await cluster.connect();
    const giveUp = new AbortController();
    const taking = client.lease({ functions, signal: giveUp.signal }).then(() => null, (e) => e);
    await Promise.resolve(); // the package is being hashed: nothing was asked of the resource manager yet
    if (close) await client.close();
    else giveUp.abort(new Error("given up"));
    const error = await within(20_000, "the end of the taking", taking);
    if (close) assertInstanceOf(error, LeaseRefused);
    assertEquals(error.message, close ? "Cannot take lease: the client was closed" : "given up");
  }
});

Deno.test("ManagerUnreachable and Unauthorized: no manager, no token, a wrong one, and one of another role", async () => {
  await using cluster = await startCluster({ nodes: 0 });
  const { managerUrl: manager } = cluster;
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  await assertRejects(
    () => connect({ manager: `http://127.0.0.1:${port}`, token: "x" }),
    ManagerUnreachable,
    `${port}`,
  );
  await assertRejects(
    () => connect({ manager: "unix:/no/such/socket", token: "x" }),
    ManagerUnreachable,
    "/no/such/socket",
  );
  await assertRejects(() => connect({ manager, token: "wrong" }), Unauthorized);
  await assertRejects(() => connect({ manager, token: cluster.nodeToken }), Unauthorized);
  await assertRejects(() => connect({ manager, token: "two words\n" }), TypeError);
  await assertRejects(() => connect({ manager: "ftp://x", token: "x" }), TypeError);
  const client = await cluster.connect();
  const functions = packageOf("export const f = () => 0;");
  const error = await assertRejects(() => client.lease({ functions }), LeaseRefused);
  assertEquals(error.reason, "no-nodes");
  await client.close();
  await assertRejects(() => client.lease({ functions }), TypeError, "the client is closed");
});

Deno.test("FabricUnavailable names the flag when native code is not allowed, and the next lease says so again", async () => {
  await using cluster = await startCluster();
  const mod = new URL("../../mod.ts", import.meta.url).href;
  const script = `
    import { connect, FabricUnavailable } from ${JSON.stringify(mod)};
    const client = await connect();
    for (let i = 0; i < 2; i++) {
      try { await client.lease({ functions: new TextEncoder().encode("export const f = () => 0;") }); }
      catch (error) { console.log(error instanceof FabricUnavailable, error.message.includes("--allow-ffi")); }
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
