/** A node's estimate of the resource manager's clock. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { NodeClock } from "../../../../manager/executor/registration/node_clock.ts";

Deno.test("a node's clock is off by no more than the error of its best exchange, plus drift since then", () => {
  const exchange = fc.record({
    pauseMs: fc.nat(10_000),
    /** The time of the request, and of the response. */
    requestMs: fc.nat(2000),
    responseMs: fc.nat(2000),
  });
  fc.assert(fc.property(fc.array(exchange, { minLength: 1 }), (exchanges) => {
    let ownMs = 0;
    const offsetMs = 1e12;
    const clock = new NodeClock(() => ownMs);
    let boundMs = Infinity;
    for (const { pauseMs, requestMs, responseMs } of exchanges) {
      ownMs += pauseMs;
      const sentMs = ownMs;
      ownMs += requestMs + responseMs;
      clock.learn(sentMs + requestMs + offsetMs, sentMs, ownMs);
      boundMs = Math.min(
        boundMs + (pauseMs + requestMs + responseMs) * 200e-6,
        (requestMs + responseMs) / 2,
      );
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
  clock.learn(60_050, 60, 140); // agrees, but is less exact
  assertEquals(clock.nowMs(), 60_005);
});
