import { assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DecayedUsage, payerOf } from "../../../../manager/resource/leases/decayed_usage.ts";
import { FakeClock } from "../../../support/manager/test_manager.ts";

const HALF_LIFE_MS = 1000;

Deno.test("`payerOf()` is the account of a client, or the client itself, and never mixes the two", () => {
  assertEquals(payerOf({ client: "ada", account: "physics" }), "account/physics");
  assertEquals(payerOf({ client: "bob", account: "physics" }), "account/physics");
  assertEquals(payerOf({ client: "physics", account: null }), "client/physics");
  assertEquals(payerOf({ client: "physics" }), "client/physics");
});

Deno.test("`DecayedUsage` counts half after each half-life, and forgets what is negligible", () => {
  const clock = new FakeClock();
  const usage = new DecayedUsage(clock.read, HALF_LIFE_MS);
  assertEquals(usage.of("a"), 0);
  usage.add("a", 800);
  usage.add("a", 100);
  usage.add("b", 64);
  assertEquals([usage.of("a"), usage.of("b")], [900, 64]);
  clock.nowMs += HALF_LIFE_MS;
  assertEquals([usage.of("a"), usage.of("b")], [450, 32]);
  usage.add("a", 50);
  // What was used before counts as it has decayed since, and what is to come as of now.
  usage.add("b", 64, clock.nowMs - 2 * HALF_LIFE_MS);
  usage.add("c", 4, clock.nowMs + HALF_LIFE_MS);
  assertEquals(["a", "b", "c"].map((payer) => usage.of(payer)), [500, 48, 4]);
  clock.nowMs += 3 * HALF_LIFE_MS;
  usage.sweep();
  assertEquals([usage.size, usage.of("a"), usage.of("c")], [2, 62.5, 0]);
});

Deno.test("usage does not depend on the order in which it was added", () => {
  const step = fc.record({
    payer: fc.constantFrom("a", "b"),
    coreMs: fc.integer({ min: 0, max: 1e9 }),
    afterMs: fc.integer({ min: 0, max: 5 * HALF_LIFE_MS }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
    const clock = new FakeClock();
    const live = new DecayedUsage(clock.read, HALF_LIFE_MS);
    const times = steps.map(({ payer, coreMs, afterMs }) => {
      clock.nowMs += afterMs;
      live.add(payer, coreMs);
      return clock.nowMs;
    });
    const later = new DecayedUsage(clock.read, HALF_LIFE_MS);
    for (const [at, { payer, coreMs }] of [...steps.entries()].reverse()) {
      later.add(payer, coreMs, times[at]!);
    }
    for (const payer of ["a", "b"]) {
      assertAlmostEquals(later.of(payer), live.of(payer), 1e-6 * (1 + live.of(payer)));
    }
  }));
});
