/** Calls that wait for a slot: their order, and a cost that does not grow with calls for other workers. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { SlotQueue } from "../../../runtime/call/slot_queue.ts";
import type { WaitingCall } from "../../../runtime/call/waiting_call.ts";
import type { WorkerSession } from "../../../runtime/call/worker_session.ts";
import { MAX_WAITING_CALLS } from "../../../runtime/policy.ts";

interface Call {
  readonly worker: number | undefined;
  settled: boolean;
}

const asTask = (call: Call) => call as unknown as WaitingCall;
const sessionOf = (worker: number) => ({ worker }) as unknown as WorkerSession;

Deno.test("`SlotQueue` returns each worker the first call that it may run, in any sequence of steps", () => {
  const worker = fc.nat(2);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), worker: fc.option(worker) }),
    fc.record({ kind: fc.constantFrom("take" as const, "remove" as const), worker }),
    fc.record({ kind: fc.constant("give up" as const), at: fc.nat(20) }),
    fc.constant({ kind: "drop" as const }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const queue = new SlotQueue();
    let model: Call[] = [];
    for (const step of steps) {
      if (step.kind === "push") {
        const call = { worker: step.worker ?? undefined, settled: false };
        model.push(call);
        queue.push(asTask(call));
      } else if (step.kind === "take") {
        const first = model.find((call) =>
          !call.settled && (call.worker === undefined || call.worker === step.worker)
        );
        assert(queue.takeFor(sessionOf(step.worker)) === (first && asTask(first)));
        model = model.filter((call) => call !== first);
      } else if (step.kind === "remove") {
        const isFor = (call: { worker: number | undefined }) => call.worker === step.worker;
        const removed = model.filter((call) => !call.settled && isFor(call));
        assertEquals(queue.takeAll(isFor), removed.map(asTask));
        model = model.filter((call) => !removed.includes(call));
      } else if (step.kind === "give up") {
        const call = model[step.at];
        if (call) call.settled = true;
      } else {
        assertEquals(queue.dropSettled(), model.filter(({ settled }) => !settled).length);
      }
      const waiting = model.filter(({ settled }) => !settled).length;
      assert(queue.length >= waiting, `${queue.length} of ${waiting}`);
    }
    assertEquals(queue.takeAll(), model.filter(({ settled }) => !settled).map(asTask));
    assertEquals(queue.length, 0);
  }));
});

Deno.test("`SlotQueue.takeFor()` costs no more beside 65,535 calls for another worker", () => {
  const tookMs = (others: number) => {
    const queue = new SlotQueue();
    for (let i = 0; i < others; i++) queue.push(asTask({ worker: 0, settled: false }));
    const session = sessionOf(1);
    let best = Infinity;
    for (let round = 0; round < 5; round++) {
      const sinceMs = performance.now();
      for (let i = 0; i < 1000; i++) {
        queue.push(asTask({ worker: 1, settled: false }));
        assert(queue.takeFor(session));
        assert(!queue.takeFor(session));
      }
      best = Math.min(best, performance.now() - sinceMs);
    }
    return best;
  };
  const [alone, crowded] = [tookMs(1), tookMs(MAX_WAITING_CALLS - 1)];
  // 200 times and more if each waiting call is visited.
  assert(crowded < 20 * alone + 1, `${crowded} ms for 1000, ${alone} ms without waiting calls`);
});
