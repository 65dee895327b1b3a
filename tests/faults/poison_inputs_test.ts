/** Of many inputs, those that end their worker fail by name, and all others succeed. */

import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  DeadlineExceededError,
  ExecutorLostError,
  LimitExceededError,
  type RfaasError,
} from "../../runtime/errors.ts";
import {
  BOMB,
  EXIT,
  faultyFunctions as functions,
  LOOP,
  OK,
} from "../support/functions/faulty_functions.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { scaledCount, timeFactor } from "../support/time_factor.ts";
import { until, within } from "../support/waiting.ts";

// In an emulated machine executors boot for seconds, and more of them at a time for tens of seconds.
const SPARE = timeFactor() > 1 ? 1 : 2;
const POOL = { initial: SPARE, min: SPARE, max: 4, idleMs: 60_000, increment: 0 };
const WORKERS = 2 * SPARE;
const FAULTS = scaledCount(20, 4);
const EVERY = FAULTS === 20 ? 50 : 25;

Deno.test("of inputs over several workers those that loop, exhaust memory or exit fail by name, and the others succeed", async () => {
  await using host = await ProcessHost.start({ pool: POOL });
  await using client = await host.connect();
  const options = {
    functions,
    workers: WORKERS,
    depth: 1,
    memory: "128MiB",
    maxBytes: 64,
  } as const;
  await until(() => host.executors().length === SPARE, () => "executors wait", 20_000);
  await using lease = await client.lease(options);
  const kinds = Array.from(
    { length: FAULTS * EVERY },
    (_, i) => i % EVERY !== 7 ? OK : [LOOP, BOMB, LOOP, EXIT][Math.floor(i / EVERY) % 4]!,
  );
  const errors: [kind: number, error: RfaasError][] = [];
  let right = 0;
  let next = 0;
  const lane = async () => {
    for (let i = next++; i < kinds.length; i = next++) {
      const input = Uint8Array.of(kinds[i]!, i & 255, i >> 8);
      const deadline = kinds[i] === LOOP ? { deadlineMs: 100 } : {};
      try {
        assertEquals(await lease.invoke("work", input, deadline), input);
        right++;
      } catch (error) {
        errors.push([kinds[i]!, error as RfaasError]);
      }
    }
  };
  const sinceMs = performance.now();
  await within(60_000, "all inputs", Promise.all(Array.from({ length: WORKERS }, lane)));
  const tookMs = performance.now() - sinceMs;
  console.log(
    `${kinds.length} inputs, ${FAULTS} of which end their worker: ${tookMs.toFixed(0)} ms`,
  );
  for (const [kind, error] of errors) {
    if (kind === LOOP) assertInstanceOf(error, DeadlineExceededError);
    else if (kind === BOMB) assertInstanceOf(error, LimitExceededError);
    else {
      assertEquals(kind, EXIT);
      assertInstanceOf(error, ExecutorLostError);
      assertEquals(error.outcome, "unknown");
    }
  }
  assertEquals([right, errors.length], [kinds.length - FAULTS, FAULTS]);
});
