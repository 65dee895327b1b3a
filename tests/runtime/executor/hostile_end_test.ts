/** Functions that end their worker or their executor, or never end themselves. */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  DeadlineExceededError,
  ExecutorLostError,
  FunctionError,
  LimitExceededError,
  RfaasError,
} from "../../../mod.ts";
import { MAX_REASON_CHARACTERS } from "../../../runtime/policy.ts";
import { type ClusterLease, startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { within } from "../../support/waiting.ts";

const none = new Uint8Array();
/** A call has begun by then, also on a worker that is interrupted. One that has not begun is not run, and ends nothing. */
const BEGUN_MS = 1000;
const HONEST = packageOf(
  "export const echo = (input, output) => (output.set(input), input.length);",
);

/** Calls a function, and returns its result or its error, within a bound. */
function outcome(
  held: ClusterLease,
  name: string,
  deadlineMs?: number,
): Promise<Uint8Array | Error> {
  const work = held.lease.invoke(name, none, deadlineMs === undefined ? {} : { deadlineMs });
  return within(8000, name, work.catch((error: Error) => error));
}

/** Checks that the lease goes on, and that the node serves another client. */
async function goesOn(held: ClusterLease): Promise<void> {
  assertEquals(await within(8000, "the lease", again(held)), Uint8Array.of(3));
  const client = await held.cluster.connect();
  const lease = await client.lease({ functions: HONEST });
  assertEquals(await lease.invoke("echo", Uint8Array.of(4)), Uint8Array.of(4));
  await client.close();
}

/** The body of each function, the message of the end, and a deadline if the call needs one. The call may also succeed. */
const ENDS: Record<string, [source: string, cause: RegExp, deadlineMs?: number]> = {
  "Deno.exit()": ["Deno.exit(0);", /./],
  "Deno.exit(7)": ["Deno.exit(7);", /./],
  "process.exit()": ["return import('node:process').then(({ default: p }) => p.exit(3));", /./],
  "self.close()": ["self.close(); return 0;", /./, 3000],
  "self.close() and never a result": ["self.close(); return new Promise(() => {});", /./],
  "Deno.kill(Deno.pid)": [
    // The first process of a container, as in podman, cannot kill itself.
    "Deno.kill(Deno.pid, 'SIGKILL'); return new Promise((resolve) => setTimeout(() => resolve(0), 3000));",
    /SIGKILL/,
  ],
  // The executor ignores signals for its manager; the deadline still ends the call and the process.
  "Deno.kill() with a signal for the manager, and a loop": [
    "Deno.kill(Deno.pid, 'SIGTERM'); Deno.addSignalListener('SIGTERM', () => {}); for (;;);",
    /loop has stopped|ran on (after|for)/,
    BEGUN_MS,
  ],
  "an error in a timer": [
    "setTimeout(() => { throw new Error('stray'); }, 1); return new Promise(() => {});",
    /stray/,
  ],
  "an unhandled rejection": [
    "Promise.reject(new Error('stray')); return new Promise(() => {});",
    /stray/,
  ],
  "an API that Deno ends the process for": [
    `Deno.stderr.writeSync(new TextEncoder().encode("\\x1b[31m/host/path\\n"));
    return Deno.connect({ transport: "vsock", cid: 2, port: 1 });`,
    /^it exited with status 70: Unstable API 'Deno.connect'[^/\p{Cc}]*$/u,
  ],
  "a panic of Deno, as the sockets of its runtime are closed": [
    `return import("node:net").then((net) => {
      for (let fd = 3; fd < 60; fd++) try { new net.Socket({ fd }).destroy(); } catch { /* none */ }
      return new Promise(() => {});
    });`,
    /^[^/\p{Cc}]*$/u,
  ],
  "reportError()": ["reportError(new Error('stray')); return new Promise(() => {});", /stray/],
  "a loop in a microtask": [
    "queueMicrotask(() => { for (;;); }); return new Promise(() => {});",
    /loop has stopped|ran on (after|for)/,
    BEGUN_MS,
  ],
  "microtasks without end": [
    "const again = () => void Promise.resolve().then(again); again(); return new Promise(() => {});",
    /loop has stopped|ran on (after|for)/,
    BEGUN_MS,
  ],
};

for (const [what, [source, cause, deadlineMs]] of Object.entries(ENDS)) {
  Deno.test(`a function that ends its worker by ${what} fails with ExecutorLostError, and the lease goes on`, async () => {
    const functions = packageOf(`
      export const end = () => { ${source} };
      export const echo = (input, output) => (output.set(input), input.length);
    `);
    await using held = await startLease({ functions, depth: 2, maxBytes: 64, hotMs: 5 });
    const { lease } = held;
    const events = lease.status();
    const lost = (async () => {
      for await (const event of events) if (event.type === "lost") return event.reason.message;
      return "the lease ended";
    })();
    const ended = await outcome(held, "end", deadlineMs);
    if (ended instanceof Error) {
      assert(
        ended instanceof ExecutorLostError || ended instanceof DeadlineExceededError,
        `${ended}`,
      );
      const reason = await within(5000, "the loss", lost);
      assert(cause.test(reason), reason);
      if (ended instanceof ExecutorLostError) assertEquals(ended.outcome, "unknown");
    }
    await goesOn(held);
  });
}

Deno.test("an endless loop without a deadline ends with its lease, and the node is free again", async () => {
  await using held = await startLease(
    { functions: packageOf("export const spin = () => { for (;;); };"), workers: 2, maxBytes: 64 },
    { cluster: { cores: 2 } },
  );
  const spinning = [0, 1].map((worker) =>
    held.lease.invoke("spin", none, { worker }).catch((error: Error) => error)
  );
  await within(5000, "closing", held.lease.close());
  for (const error of await Promise.all(spinning)) {
    assertEquals((error as Error).name, "LeaseOverError");
  }
  await using lease = await held.client.lease({ functions: HONEST, workers: 2 });
  assertEquals(await lease.invoke("echo", Uint8Array.of(4)), Uint8Array.of(4));
});

Deno.test("a function that transfers or resizes its buffers loses its slot, and the node goes on", async () => {
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
    assert(
      error instanceof FunctionError || error instanceof ExecutorLostError,
      `${name}: ${error}`,
    );
    assertEquals(await within(8000, name, again(held)), Uint8Array.of(3), name);
  }
  await goesOn(held);
});

/** Calls until an executor replies: the call before may have destroyed the last one. */
async function again(held: ClusterLease): Promise<Uint8Array> {
  for (;;) {
    try {
      return await held.lease.invoke("echo", Uint8Array.of(3));
    } catch (error) {
      // A full heap ends the executor by a limit.
      assert(error instanceof ExecutorLostError || error instanceof LimitExceededError, `${error}`);
    }
  }
}

Deno.test("messages forged to the executor's main thread, and floods of output, have no effect", async () => {
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

Deno.test("a function that fills the heap ends its executor with a named error, and the lease goes on", async () => {
  const functions = packageOf(`
    const kept = [];
    export const bomb = () => { for (;;) kept.push(new Array(100000).fill(kept.length)); };
    export const echo = (input, output) => (output.set(input), input.length);
  `);
  await using held = await startLease({ functions, maxBytes: 64, memory: "64MiB" });
  // On a slow host the deadline passes before the heap is full.
  const error = await outcome(held, "bomb", 150);
  assertInstanceOf(error, RfaasError);
  assert(
    [DeadlineExceededError, ExecutorLostError, LimitExceededError].some((kind) =>
      error instanceof kind
    ),
    `${error}`,
  );
  await goesOn(held);
});

Deno.test("an error that ends an executor is truncated to what a message to the client holds", async () => {
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
    await assertRejects(
      () => within(8000, "the end", crash),
      ExecutorLostError,
      "Uncaught Error: xxx",
    );
    const { value: lost } = await events.next();
    assert(lost?.type === "lost", `${lost?.type}`);
    assertEquals(lost.reason.message.length, MAX_REASON_CHARACTERS);
    const { value: recovered } = await within(8000, "the recovery", events.next());
    assertEquals(recovered?.type, "recovered");
  }
  await goesOn(held);
});
