/** The checker of histories, which must find what no order of requests explains. */
import { assertEquals } from "@std/assert";
import { contradictionsOf, type LeaseEvent } from "../support/manager/lease_history.ts";

const event = (kind: LeaseEvent["kind"], startMs: number, endMs: number, request?: string) => ({
  lease: "a",
  kind,
  startMs,
  endMs,
  ...(request === undefined ? {} : { request }),
});
const granted = event("granted", 0, 2, "r");

for (
  const [what, events, found] of [
    [
      "a renewal during the release",
      [granted, event("released", 3, 9), event("renewed", 8, 12)],
      0,
    ],
    [
      "a renewal after the release",
      [granted, event("released", 3, 9), event("renewed", 10, 12)],
      1,
    ],
    [
      "a renewal after one was refused",
      [granted, event("over", 3, 9), event("renewed", 10, 12)],
      1,
    ],
    [
      "a grant again after the release",
      [granted, event("released", 3, 4), event("granted", 5, 6)],
      1,
    ],
    ["a renewal before the grant", [event("renewed", 0, 1), event("granted", 2, 3)], 1],
    ["two leases of one request", [granted, { ...granted, lease: "b" }], 1],
  ] as const
) {
  Deno.test(`a history with ${what} has ${found} contradictions`, () => {
    assertEquals(contradictionsOf(events).length, found);
  });
}
