/** Leases under random sequences of events: the logic of both managers, a clock of the test, rows in memory. */
import { assert, assertRejects } from "@std/assert";
import fc from "fast-check";
import { KEEP_SEEN_MS } from "../../../../manager/resource/policy.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { ControlError } from "../../../../runtime/control/control_channel.ts";
import type { Fate, ModelNode } from "../../../support/manager/lease_machine_node.ts";
import { coresOf, MAX_TERM_MS, World } from "../../../support/manager/lease_machine_world.ts";
import { printedSeed } from "../../../support/seed.ts";

/** One event. Its text appears in the report of a failure. */
type Step = (world: World) => Promise<void> | void;

const fate = fc.constantFrom<Fate>("once", "once", "once", "twice", "lost", "unanswered");
const node = fc.nat(coresOf.length - 1);
const lease = fc.oneof({ weight: 4, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(30) });
/** Subtracted from the granted workers: mostly nothing, rarely a negative number. */
const fewer = fc.constantFrom(0, 0, 0, 1, 2, -1);
/** Added to the index of the node of the grant: mostly nothing. */
const wrong = fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1);
const termMs = fc.integer({ min: 1000, max: MAX_TERM_MS });

const steps: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  [5, fc.tuple(fc.integer({ min: 1, max: 5 }), termMs), "take"],
  [3, fc.tuple(fc.integer({ min: 6, max: 11 }), termMs), "take"], // more than any node has
  [2, fc.tuple(lease, fc.integer({ min: 1, max: 4 }), termMs), "replace"],
  [7, fc.tuple(lease, fate), "claimAll"],
  [2, fc.tuple(lease, node, fc.boolean()), "releasePart"],
  [9, fc.tuple(lease, fc.nat(2), fewer, wrong, fate), "admit"],
  [3, fc.tuple(lease, termMs, fc.boolean()), "renew"],
  [2, fc.tuple(lease, fc.boolean(), fc.boolean()), "release"],
  [1, fc.tuple(node), "removeNode"],
  [1, fc.tuple(), "rotate"],
  [1, fc.tuple(node, fc.boolean()), "drain"],
  [1, fc.tuple(node, fc.nat(4)), "lendFewer"],
  [1, fc.tuple(node), "restart"],
  [2, fc.tuple(fc.integer({ min: -KEEP_SEEN_MS, max: 10_000 })), "restartManager"],
  [5, fc.tuple(fc.constantFrom(1, 50, 50, 400, 400, 1000, 1000, 2001, 4000, 9000)), "pass"],
].map(([weight, args, name]) => ({
  weight: weight as number,
  arbitrary: (args as fc.Arbitrary<unknown[]>).map((given) =>
    named(`${name}(${given})`, (world) =>
      // deno-lint-ignore no-explicit-any -- the arguments belong to the method of the same row
      (world as any)[name as string](...given))
  ),
}));
for (
  const [weight, act, name] of [
    [6, (at: ModelNode, how: Fate) => at.heartbeat(how), "heartbeat"],
    [2, (at: ModelNode) => at.crash(), "crash"],
  ] as const
) {
  const arbitrary = fc.tuple(node, fate).map(([at, how]) =>
    named(`${name}(${at}, ${how})`, (world) => act(world.nodes[at]!, how))
  );
  steps.push({ weight, arbitrary });
}

function named(text: string, step: Step): Step {
  return Object.assign(step, { [fc.toStringMethod]: () => text });
}

Deno.test("no sequence of events overbooks a node, admits a void grant, or loses a core", async () => {
  const sequence = fc.array(fc.oneof(...steps), { minLength: 10, maxLength: 80, size: "max" });
  let served = 0;
  let whole = 0;
  const property = fc.asyncProperty(sequence, async (sequence) => {
    using world = await World.open();
    for (const step of sequence) {
      try {
        await step(world);
      } catch (error) {
        if (!(error instanceof RefusalError || error instanceof ControlError)) throw error;
      }
      await world.check();
    }
    await world.checkEnd();
    served += world.served;
    whole += world.whole;
  });
  await fc.assert(property, { numRuns: 500, seed: printedSeed("lease machine") });
  assert(served > 500, `only ${served} executors began to serve: the sequences test nothing`);
  assert(whole > 50, `only ${whole} leases with several candidates were claimed completely`);
});

Deno.test("a grant is not admitted again when the resource manager's clock was set back", async () => {
  using world = await World.open();
  await world.take(1, 1000);
  await world.admit(0, 0, 0, 0, "once");
  await world.pass(500);
  await world.take(1, MAX_TERM_MS);
  await world.pass(600);
  await world.admit(0, 0, 0, 0, "once"); // on the same node, which is still the emptiest
  await world.restartManager(-600);
  for (const each of world.nodes) await each.heartbeat("once");
  await assertRejects(() => world.admit(1, 0, 0, 0, "once"), ControlError, "was claimed before");
  await world.check();
});

Deno.test("a lease is not replaced because nodes have admitted more than was reserved on them", async () => {
  using world = await World.open();
  await world.take(6, 1000);
  await world.take(3, 1000);
  await world.admit(1, 2, 0, 0, "once"); // on a node whose cores are reserved for the second lease
  const replacing = () => world.replace(1, 1, 1000);
  await assertRejects(replacing, RefusalError, "Cannot grant replacement lease");
});
