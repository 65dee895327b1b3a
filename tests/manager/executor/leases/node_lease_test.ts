/** Workers of a lease whose executors end again and again, with simulated executors. */

import { assert, assertEquals } from "@std/assert";
import type { ExecutorProcess } from "../../../../manager/executor/executors/executor_process.ts";
import { NodeLease } from "../../../../manager/executor/leases/node_lease.ts";
import type { ControlChannel } from "../../../../runtime/control/control_channel.ts";
import { type EndReason, endReason, limitReason } from "../../../../runtime/protocol/end_reason.ts";
import { serveTerms } from "../../../support/cluster/serve_terms.ts";
import { limitMs } from "../../../support/time_factor.ts";
import { until, within } from "../../../support/waiting.ts";

/** The parts of an executor process that a lease uses. */
class FakeExecutor {
  readonly usage = { computeNs: 0n, pollNs: 0n, calls: 0n };
  readonly spentNs = 0n;
  worker = -1;
  readonly #ended = Promise.withResolvers<EndReason>();
  readonly ended = this.#ended.promise;

  start({ worker }: { worker: number }): Promise<string> {
    this.worker = worker;
    return Promise.resolve("shm:x");
  }

  end(reason: EndReason): void {
    this.#ended.resolve(reason);
  }

  /** How long it was given to stop; 0 if that was left out. */
  stoppedWithinMs: number | undefined;

  async stop(withinMs = 0): Promise<void> {
    this.stoppedWithinMs = withinMs;
    this.end(endReason("stopped", "stopped"));
    await this.ended;
  }

  kill(): void {
    this.end(endReason("killed", "killed"));
  }
}

/** A lease of two workers, and the executors that run. */
function setUp() {
  const running = new Set<FakeExecutor>();
  const events: string[] = [];
  const client = {
    closed: new Promise(() => {}),
    notify: (type: string, { worker }: { worker?: number }) => events.push(`${type} ${worker}`),
  };
  const { workerIndexes: _all, ...terms } = serveTerms();
  const lease = new NodeLease({
    client: client as unknown as ControlChannel,
    starts: [4, 7].map((worker) => ({
      lease: "l",
      ...terms,
      worker,
      workers: 2,
      memoryBytes: 2 ** 20,
      listen: "shm",
      sandboxed: false,
    })),
    cores: undefined,
    source: new Uint8Array(),
    boot: () => {
      const executor = new FakeExecutor();
      running.add(executor);
      executor.ended.then(() => running.delete(executor));
      return Promise.resolve({
        process: executor as unknown as ExecutorProcess,
        start: "pooled" as const,
      });
    },
    nowMs: () => performance.now(),
    expiresMs: performance.now() + 60_000,
  });
  const of = (worker: number) => [...running].find((one) => one.worker === worker);
  /** Ends the executors of a worker, each as soon as it serves. */
  const end = async (worker: number, times: number, reason: EndReason) => {
    for (let i = 0; i < times; i++) {
      await until(() => of(worker) !== undefined, () => `worker ${worker} serves`, 2000);
      const executor = of(worker)!;
      executor.end(reason);
      await executor.ended;
    }
  };
  return { lease, events, of, end };
}

const CRASH = endReason("crashed", "x");

Deno.test("a lease goes on while one of its workers can be kept alive, and ends when none can", async () => {
  const { lease, events, of, end } = setUp();
  assertEquals((await lease.begin()).map(({ worker, generation }) => [worker, generation]), [
    [4, 1],
    [7, 1],
  ]);
  const other = of(7);
  let ended = false;
  lease.ended.then(() => ended = true);
  const failing = end(4, 22, CRASH);
  await within(10_000, "the crashes", failing);
  assert(!ended);
  assertEquals(of(7), other, "the other worker has the same executor");
  assert(events.every((event) => event.endsWith(" 4")), `${events}`);
  const rest = Promise.allSettled([end(7, 22, CRASH), end(4, 22, CRASH)]); // cut off by the end of the lease
  const reason = await within(10_000, "the end", lease.ended);
  assertEquals(reason.code, "crash-loop");
  await rest;
});

Deno.test("deadlines, limits and calls that were given up are no crashes", async () => {
  const { lease, end } = setUp();
  await lease.begin();
  const reasons = [
    endReason("deadline", "x"),
    endReason("abandoned", "x"),
    limitReason("memory", "x"),
    endReason("client-gone", "x"),
  ];
  const sinceMs = performance.now();
  for (const reason of reasons) await Promise.all([end(4, 10, reason), end(7, 10, reason)]);
  assert(performance.now() - sinceMs < limitMs(5000), "no pause between them");
  await lease.end(endReason("released", "done"));
  assertEquals((await lease.ended).code, "released");
});

Deno.test("a lease gives its executors little time to stop while its node drains", async () => {
  for (const [drains, withinMs] of [[true, 100], [false, 0]] as const) {
    const { lease, of } = setUp();
    await lease.begin();
    const executors = [of(4)!, of(7)!];
    lease.drain(1000);
    if (!drains) lease.undrain();
    await lease.end(endReason("closed", "closed"));
    assertEquals(executors.map(({ stoppedWithinMs }) => stoppedWithinMs), [withinMs, withinMs]);
  }
});
