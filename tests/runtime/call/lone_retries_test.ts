/** Idempotent calls that end their executor: each is found, and the calls beside it are served. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ExecutorLostError } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";

const functions = packageOf(`
export function sync(input, output) {
  if (input[0] === 1) Deno.exit(3);
  output.set(input);
  return input.length;
}
export async function later(input, output) {
  await new Promise((resolve) => setTimeout(resolve, 2));
  return sync(input, output);
}`);

/** Inputs of which some, at these indexes, end their executor. */
function inputsWith(count: number, poisoned: readonly number[]): Uint8Array[] {
  return Array.from(
    { length: count },
    (_, at) => Uint8Array.of(poisoned.includes(at) ? 1 : 0, at),
  );
}

const CASES: readonly (readonly [name: string, poisoned: readonly number[]])[] = [
  ["sync", [77]],
  ["later", [77]],
  ["later", [3, 60, 61]],
];

for (const [name, poisoned] of CASES) {
  Deno.test(`of 200 calls of ${name}(), ${poisoned.length} that exit fail alone and by name`, async () => {
    await using held = await startLease({ functions, workers: 2, depth: 4, idempotent: true });
    const inputs = inputsWith(200, poisoned);
    const outcomes = await held.lease.mapSettled(name, inputs);
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") {
        assertEquals(outcome.value, inputs[at]);
        continue;
      }
      const { reason } = outcome;
      assert(poisoned.includes(at), `input ${at}: ${reason}`);
      assert(reason instanceof ExecutorLostError, `${reason}`);
      assertEquals(reason.index, at);
      assertMatch(reason.message, /it ran alone on its worker the last 2 times/);
    }
    assertEquals(outcomes.filter(({ status }) => status === "rejected").length, poisoned.length);
    const again = inputsWith(20, []);
    assertEquals(await held.lease.map(name, again), again, "the lease goes on, on all workers");
  });
}

Deno.test("a call for one worker that exits fails by name on a lease of one worker, beside others", async () => {
  await using held = await startLease({ functions, workers: 1, depth: 4, idempotent: true });
  const { lease } = held;
  const calls = inputsWith(40, [5]).map((input) => lease.invoke("later", input, { worker: 0 }));
  const poison = assertRejects(() => calls[5]!, ExecutorLostError, "it ran alone");
  const settled = await Promise.allSettled(calls);
  await poison;
  assertEquals(settled.filter(({ status }) => status === "rejected").length, 1);
});
