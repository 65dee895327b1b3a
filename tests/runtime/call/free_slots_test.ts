import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { ClientSlot } from "../../../runtime/call/client_slot.ts";
import { FreeSlots } from "../../../runtime/call/free_slots.ts";

const slotsOf = (depth: number) =>
  Array.from({ length: depth }, (_, index) => ({ index }) as ClientSlot);

Deno.test("`FreeSlots` gives the lowest free slot, whatever was taken and added before", () => {
  const depth = fc.integer({ min: 1, max: 256 });
  const steps = fc.array(fc.integer({ min: -3, max: 255 }), { maxLength: 600 });
  fc.assert(fc.property(depth, steps, (depth, steps) => {
    const slots = slotsOf(depth);
    const free = new FreeSlots(slots);
    const expected = new Set(slots.keys());
    for (const step of steps) {
      if (step >= 0) { // is released
        if (step >= depth || expected.has(step)) continue;
        free.add(slots[step]!);
        expected.add(step);
      } else {
        const lowest = expected.size === 0 ? undefined : Math.min(...expected);
        assertEquals(free.take()?.index, lowest);
        if (lowest !== undefined) expected.delete(lowest);
      }
      assertEquals(free.length, expected.size);
    }
    free.clear();
    assertEquals([free.length, free.take()], [0, undefined]);
  }));
});

Deno.test("all slots of each depth are taken in order", () => {
  for (const depth of [1, 31, 32, 33, 64, 255, 256]) {
    const free = new FreeSlots(slotsOf(depth));
    assertEquals(Array.from({ length: depth }, () => free.take()!.index), [
      ...Array(depth).keys(),
    ]);
  }
});
