/** A node's reckoning of the resource manager's time. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { NodeClock } from "../../manager/executor/node_clock.ts";

Deno.test("a node's clock is never further off than its best exchange allows, and drift since", () => {
  const exchange = fc.record({
    pauseMs: fc.nat(10_000),
    /** On the way there and back. */
    there: fc.nat(2000),
    back: fc.nat(2000),
  });
  fc.assert(fc.property(fc.array(exchange, { minLength: 1 }), (exchanges) => {
    let ownMs = 0;
    const offsetMs = 1e12;
    const clock = new NodeClock(() => ownMs);
    let boundMs = Infinity;
    for (const { pauseMs, there, back } of exchanges) {
      ownMs += pauseMs;
      const sentMs = ownMs;
      ownMs += there + back;
      clock.learn(sentMs + there + offsetMs, sentMs, ownMs);
      boundMs = Math.min(boundMs + (pauseMs + there + back) * 200e-6, (there + back) / 2);
      assert(Math.abs(clock.nowMs() - ownMs - offsetMs) <= boundMs + 1e-3);
    }
  }));
});

Deno.test("a node's clock follows a resource manager whose clock has changed", () => {
  let ownMs = 0;
  const clock = new NodeClock(() => ownMs);
  clock.learn(1000, 0, 0);
  ownMs = 100;
  clock.learn(60_000, 90, 100); // started again on a host with another time
  assertEquals(clock.nowMs(), 60_005);
  clock.learn(60_050, 60, 140); // says nothing else, only less exactly
  assertEquals(clock.nowMs(), 60_005);
});
