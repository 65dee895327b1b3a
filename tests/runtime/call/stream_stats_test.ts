/** What streams and repeated calls count, with both ends in one thread. */

import { assertEquals, assertRejects } from "@std/assert";
import { type OneThread, openOneThread } from "../../../bench/floors/one_thread.ts";
import { CallStats } from "../../../runtime/call/call_stats.ts";
import { CallTask } from "../../../runtime/call/call_task.ts";
import { Pump } from "../../../runtime/call/pump.ts";
import { type StreamHost, StreamTask } from "../../../runtime/call/stream_task.ts";
import { WorkerPool } from "../../../runtime/call/worker_pool.ts";
import { StreamKind } from "../../../runtime/executor/package/stream_kind.ts";
import { readTrace } from "../../../runtime/protocol/trace_words.ts";
import { formatTraceparent } from "../../../runtime/tracing/trace_context.ts";

const none = () => {};
const nothing = new Uint8Array();
const TRACE = { traceId: "a".repeat(32), spanId: "b".repeat(16), traceFlags: 1 };

function* chunks(_input: Uint8Array, output: Uint8Array) {
  for (let at = 0;; at++) {
    output[0] = at;
    yield 1;
  }
}

/** A worker that serves `chunks`. */
async function openWorker(): Promise<OneThread> {
  const ends = await openOneThread({ depth: 2, maxBytes: 8, functions: { chunks: none } });
  ends.server.serve([chunks], [StreamKind.SYNC]);
  return ends;
}

/** A pool with this worker, and what its calls need. A lost call fails. */
function poolOf({ session }: OneThread, onLost: (session: unknown) => void = none) {
  const pool = new WorkerPool(new Pump(none, none), 1);
  pool.join([session], onLost);
  const stats = new CallStats(false);
  const host: StreamHost = {
    stats,
    maxBytes: 8,
    onFree: none,
    taskLost: (task) => task.fail(new Error("lost")),
    taskBusy: none,
    submit: (task) => pool.submit(task),
    kick: none,
  };
  return { pool, host, read: () => stats.read(pool.sent, 0) };
}

/** Serves one request, and takes its reply. */
function serve({ server, session }: OneThread): void {
  server.serveNext();
  session.poll();
}

/** Requests the next chunk and serves it. */
async function next(stream: StreamTask, worker: OneThread): Promise<number | undefined> {
  const chunk = stream.next();
  serve(worker);
  return (await chunk)?.[0];
}

Deno.test("a stream counts as one call, whether it is ended or given up", async () => {
  await using worker = await openWorker();
  const { host, read } = poolOf(worker);
  const stream = new StreamTask(host, "chunks", nothing, {});
  assertEquals([await next(stream, worker), await next(stream, worker)], [0, 1]);
  const ended = stream.end();
  serve(worker);
  await ended;
  assertEquals(read(), { calls: 1, errors: {}, retries: 0, moves: 0 });
  const other = new StreamTask(host, "chunks", nothing, {});
  assertEquals([await next(other, worker), await next(other, worker)], [0, 1]);
  other.fail(new Error("enough")); // between two chunks
  serve(worker);
  assertEquals(read(), { calls: 2, errors: { Error: 1 }, retries: 0, moves: 0 });
  assertEquals(worker.session.freeSlots, 2);
});

Deno.test("a stream counts as one call if its connection is gone before the next chunk", async (t) => {
  const gone: Record<string, (worker: OneThread, pool: WorkerPool) => void> = {
    "and its session closed": ({ session }, pool) => pool.lose(session),
    "and nothing has detected that": ({ session }) => session.connection.close(),
  };
  for (const [name, lose] of Object.entries(gone)) {
    await t.step(name, async () => {
      await using worker = await openWorker();
      const { pool, host, read } = poolOf(worker);
      const stream = new StreamTask(host, "chunks", nothing, {});
      await next(stream, worker);
      lose(worker, pool);
      await assertRejects(() => stream.next(), Error, "lost");
      assertEquals(read(), { calls: 1, errors: { Error: 1 }, retries: 0, moves: 0 });
      pool.lose(worker.session);
      assertEquals(read().calls, 1);
    });
  }
});

Deno.test("a call that is sent again counts as one call and a retry, and carries its trace again", async () => {
  await using before = await openWorker();
  await using after = await openWorker();
  let losses = 0;
  const { pool, host, read } = poolOf(before, () => losses++);
  const again = { ...host, taskLost: host.submit };
  const task = new CallTask(again, "chunks", nothing, {});
  task.trace = TRACE;
  const traceAt = ({ server }: OneThread) =>
    readTrace(server.slots[0]!.trace, server.sequenceOf(0));
  pool.submit(task);
  before.server.serve([() => new Promise(none)]); // it never replies
  before.server.serveNext();
  assertEquals(traceAt(before), formatTraceparent(TRACE));
  pool.lose(before.session);
  pool.lose(before.session); // it is closed already
  assertEquals([losses, read().retries], [1, 0]);
  pool.join([after.session], none);
  after.server.serve([() => 0]);
  serve(after);
  await task.promise;
  assertEquals(traceAt(after), formatTraceparent(TRACE));
  assertEquals(read(), { calls: 1, errors: {}, retries: 1, moves: 0 });
});
