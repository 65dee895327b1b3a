/** Functions that end what they run in, or never end: THREATS.md, row 12. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  DeadlineExceeded,
  ExecutorLost,
  FunctionError,
  LimitExceeded,
  RfaasError,
} from "../../../mod.ts";
import { MAX_REASON_CHARACTERS } from "../../../runtime/policy.ts";
import { type ClusterLease, startLease, within } from "../../support/cluster_lease.ts";
import { packageOf } from "../../support/functions_package.ts";

const none = new Uint8Array();
const HONEST = packageOf(
  "export const echo = (input, output) => (output.set(input), input.length);",
);

/** Calls a function, and gives what became of it within a bound. */
function outcome(
  held: ClusterLease,
  name: string,
  deadlineMs?: number,
): Promise<Uint8Array | Error> {
  const work = held.lease.invoke(name, none, deadlineMs === undefined ? {} : { deadlineMs });
  return within(8000, name, work.catch((error: Error) => error));
}

/** The lease itself goes on, and another client of the node is served. */
async function goesOn(held: ClusterLease): Promise<void> {
  assertEquals(await within(8000, "the lease", again(held)), Uint8Array.of(3));
  const client = await held.cluster.connect();
  const lease = await client.lease({ functions: HONEST });
  assertEquals(await lease.invoke("echo", Uint8Array.of(4)), Uint8Array.of(4));
  await client.close();
}

/** What is done, and what the cause of the loss says; `undefined` where the call may also end well. */
const ENDS: Record<string, [source: string, cause: RegExp, deadlineMs?: number]> = {
  "Deno.exit()": ["Deno.exit(0);", /./],
  "Deno.exit(7)": ["Deno.exit(7);", /./],
  "process.exit()": ["return import('node:process').then(({ default: p }) => p.exit(3));", /./],
  "self.close()": ["self.close(); return 0;", /silent|./, 3000],
  "self.close() and never a result": ["self.close(); return new Promise(() => {});", /silent|./],
  "Deno.kill(Deno.pid)": [
    "Deno.kill(Deno.pid, 'SIGKILL'); return new Promise(() => {});",
    /SIGKILL/,
  ],
  // The executor ignores what its manager is to follow; its deadline ends the call, and the process all the same.
  "Deno.kill() with a signal that is the manager's, and a loop": [
    "Deno.kill(Deno.pid, 'SIGTERM'); Deno.addSignalListener('SIGTERM', () => {}); for (;;);",
    /silent|deadline/,
    300,
  ],
  "an error out of a timer": [
    "setTimeout(() => { throw new Error('stray'); }, 1); return new Promise(() => {});",
    /stray/,
  ],
  "a rejection that nobody takes": [
    "Promise.reject(new Error('stray')); return new Promise(() => {});",
    /stray/,
  ],
  "reportError()": ["reportError(new Error('stray')); return new Promise(() => {});", /stray/],
  "a loop in a microtask": [
    "queueMicrotask(() => { for (;;); }); return new Promise(() => {});",
    /silent|deadline/,
    100,
  ],
  "microtasks without end": [
    "const again = () => Promise.resolve().then(again); again(); return new Promise(() => {});",
    /silent|deadline/,
    100,
  ],
};

for (const [what, [source, cause, deadlineMs]] of Object.entries(ENDS)) {
  Deno.test(`ExecutorLost: a function that ends its worker by ${what}; the lease and the node go on`, async () => {
    const functions = packageOf(`
      export const end = () => { ${source} };
      export const echo = (input, output) => (output.set(input), input.length);
    `);
    await using held = await startLease({ functions, depth: 2, maxBytes: 64, hotMs: 5 });
    const { lease } = held;
    const events = lease.status();
    const lost = (async () => {
      for await (const event of events) if (event.type === "lost") return event.reason;
      return "the lease ended";
    })();
    const ended = await outcome(held, "end", deadlineMs);
    if (ended instanceof Error) {
      assert(ended instanceof ExecutorLost || ended instanceof DeadlineExceeded, `${ended}`);
      const reason = await within(5000, "the loss", lost);
      assert(cause.test(reason), reason);
      if (ended instanceof ExecutorLost) assertEquals(ended.outcome, "unknown");
    }
    await goesOn(held);
  });
}

Deno.test("a loop without end and without deadline ends with its lease, and the node is free again", async () => {
  await using held = await startLease(
    { functions: packageOf("export const spin = () => { for (;;); };"), workers: 2, maxBytes: 64 },
    { cluster: { cores: 2 } },
  );
  const spinning = [0, 1].map((worker) =>
    held.lease.invoke("spin", none, { worker }).catch((error: Error) => error)
  );
  await within(5000, "closing", held.lease.close());
  for (const error of await Promise.all(spinning)) assertEquals((error as Error).name, "LeaseOver");
  await using lease = await held.client.lease({ functions: HONEST, workers: 2 });
  assertEquals(await lease.invoke("echo", Uint8Array.of(4)), Uint8Array.of(4));
});

Deno.test("a function that transfers or resizes its buffers loses its slot, not the node", async () => {
  const functions = packageOf(`
    export const moveInput = (input) => { structuredClone(input.buffer, { transfer: [input.buffer] }); return 0; };
    export const moveOutput = (input, output) => { output.buffer.transfer(); return 0; };
    export const shrink = (input, output) => { output.buffer.transfer(1); return 1; };
    export const moveAndThrow = (input, output) => { output.buffer.transfer(); throw new Error("x"); };
    export const moveLater = async (input, output) => { await null; input.buffer.transfer(); return 0; };
    export const resize = (input, output) => { output.buffer.resize(1e6); return 0; };
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using held = await startLease({ functions, depth: 2, maxBytes: 64 });
  for (const name of ["moveInput", "moveOutput", "shrink", "moveAndThrow", "moveLater", "resize"]) {
    const error = await outcome(held, name);
    assert(error instanceof FunctionError || error instanceof ExecutorLost, `${name}: ${error}`);
    assertEquals(await within(8000, name, again(held)), Uint8Array.of(3), name);
  }
  await goesOn(held);
});

/** A call that may meet the end of the executor that the call before it destroyed. */
async function again(held: ClusterLease): Promise<Uint8Array> {
  for (;;) {
    try {
      return await held.lease.invoke("echo", Uint8Array.of(3));
    } catch (error) {
      // A heap that was full ends it by a limit.
      assert(error instanceof ExecutorLost || error instanceof LimitExceeded, `${error}`);
    }
  }
}

Deno.test("messages forged to the executor's main thread, and floods of output, change nothing", async () => {
  const functions = packageOf(`
    export const forge = () => {
      for (const message of [{ ended: "stopped" }, { address: "shm:evil" }, null, 1, { port: {} }]) self.postMessage(message);
      dispatchEvent(new MessageEvent("message", { data: { port: null, worker: 0 } }));
      self.onmessage?.({ data: 1 });
      return 0;
    };
    export const flood = () => { for (let i = 0; i < 20000; i++) { console.log("x".repeat(200)); console.error("\\x1b[2J" + i); } return 0; };
    export const read = async (input, output) => {
      const n = await Deno.stdin.read(new Uint8Array(64));
      return n === null ? 0 : n;
    };
    export const stdinSync = () => Deno.stdin.readSync(new Uint8Array(64)) ?? 0;
    export const channels = () => { new BroadcastChannel("rfaas").postMessage("x"); return 0; };
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using held = await startLease({ functions, depth: 1, maxBytes: 64 });
  for (const name of ["forge", "flood", "read", "stdinSync", "channels"]) {
    const result = await outcome(held, name);
    assert(
      result instanceof FunctionError || result instanceof Uint8Array && result.length === 0,
      `${name}: ${result}`,
    );
  }
  await goesOn(held);
});

Deno.test("a function that fills the heap ends its executor with a named error; others go on", async () => {
  const functions = packageOf(`
    const kept = [];
    export const bomb = () => { for (;;) kept.push(new Array(100000).fill(kept.length)); };
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using held = await startLease({ functions, maxBytes: 64, memory: "64MiB" });
  // Where the heap is not full in time, the deadline comes first.
  const error = await outcome(held, "bomb", 150);
  assertInstanceOf(error, RfaasError);
  assert(
    [DeadlineExceeded, ExecutorLost, LimitExceeded].some((kind) => error instanceof kind),
    `${error}`,
  );
  await goesOn(held);
});

Deno.test("what a function throws at its executor's end is cut: whole, no message to the client could hold it", async () => {
  const functions = packageOf(`
    export const crash = (input) => {
      const length = JSON.parse(new TextDecoder().decode(input));
      setTimeout(() => { throw new Error("x".repeat(length)); });
      return new Promise(() => {});
    };
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using held = await startLease({ functions, maxBytes: 64 });
  const events = held.lease.status();
  for (const length of [65_400, 200_000]) {
    const crash = held.lease.invoke("crash", new TextEncoder().encode(`${length}`));
    await assertRejects(() => within(8000, "the end", crash), ExecutorLost, "Uncaught Error: xxx");
    const { value: lost } = await events.next();
    assert(lost?.type === "lost", `${lost?.type}`);
    assertEquals(lost.reason.length, MAX_REASON_CHARACTERS);
    const { value: recovered } = await within(8000, "the recovery", events.next());
    assertEquals(recovered?.type, "recovered");
  }
  await goesOn(held);
});
