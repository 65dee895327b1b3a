import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClassLine } from "../../../../manager/resource/leases/class_line.ts";
import { FairLine } from "../../../../manager/resource/leases/fair_line.ts";
import type { Demand } from "../../../../manager/resource/leases/line.ts";

const classLine = () => new ClassLine<string>(() => new FairLine());

/** The demand of an entry that is named by its client and its number, such as `a1`. */
function demand(entry: string, priority: number): Demand {
  const client = entry[0]!;
  return { client, payer: client, class: { priority, share: 1 }, workers: 1 };
}

Deno.test("entries of a higher priority stand first in a `ClassLine`, and clients of one priority take turns", () => {
  const line = classLine();
  for (const entry of ["a1", "a2", "b1"]) line.add(entry, demand(entry, 0));
  for (const entry of ["c1", "c2", "d1"]) line.add(entry, demand(entry, 5));
  line.add("e1", demand("e1", -5));
  line.add("f1", demand("f1", 2));
  assertEquals(line.entries, ["c1", "d1", "c2", "f1", "a1", "b1", "a2", "e1"]);
  assertEquals([5, 3, 2, 0, -5, -6].map((each) => line.sizeFrom(each)), [3, 3, 4, 7, 8, 8]);
  assertEquals([line.size, line.countOf("c"), line.countOf("x")], [8, 2, 0]);
});

Deno.test("the first entry to leave is the last of the client with most, of the lowest priority", () => {
  const line = classLine();
  assertEquals(line.lowest(), undefined);
  for (const entry of ["a1", "a2", "b1"]) line.add(entry, demand(entry, 0));
  for (const entry of ["c1", "c2", "c3"]) line.add(entry, demand(entry, 5));
  assertEquals(line.lowest(), { priority: 0, client: "a", count: 2, last: "a2" });
  for (const entry of ["a1", "a2", "b1"]) line.delete(entry);
  assertEquals(line.lowest(), { priority: 5, client: "c", count: 3, last: "c3" });
  assertEquals([line.delete("c1"), line.delete("c1"), line.has("c1")], [true, false, false]);
});

/** A step: an entry of a client arrives, or one of those that wait is served, or leaves. */
const step = fc.record({
  act: fc.constantFrom("add", "add", "serve", "leave"),
  client: fc.constantFrom("a", "b", "c", "d"),
  at: fc.nat(30),
});

Deno.test("with one priority, a `ClassLine` has the order of a `FairLine` after any steps", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const line = classLine();
    const fair = new FairLine<string>();
    for (const [number, { act, client, at }] of steps.entries()) {
      const entry = fair.entries[at % Math.max(1, fair.size)];
      if (act === "add") {
        line.add(`${client}${number}`, demand(client, 0));
        fair.add(`${client}${number}`, { client });
      } else if (entry !== undefined) {
        if (act === "serve") { for (const each of [line, fair]) each.served(entry); }
        assertEquals(line.delete(entry), fair.delete(entry));
      }
      assertEquals(line.entries, fair.entries);
      const largest = fair.largest();
      assertEquals(line.lowest(), largest && { priority: 0, ...largest });
      assertEquals([line.size, line.countOf(client)], [fair.size, fair.countOf(client)]);
    }
  }));
});

Deno.test("with any priorities, a `ClassLine` has the lines of its priorities one behind the other", () => {
  const prioritized = step.chain((each) =>
    fc.constantFrom(-1, 0, 7).map((priority) => ({ ...each, priority }))
  );
  fc.assert(fc.property(fc.array(prioritized, { maxLength: 60 }), (steps) => {
    const line = classLine();
    const apart = new Map([7, 0, -1].map((priority) => [priority, new FairLine<string>()]));
    for (const [number, { act, client, at, priority }] of steps.entries()) {
      const fair = apart.get(priority)!;
      const entry = fair.entries[at % Math.max(1, fair.size)];
      if (act === "add") {
        line.add(`${client}${number}`, demand(client, priority));
        fair.add(`${client}${number}`, { client });
      } else if (entry !== undefined) {
        if (act === "serve") { for (const each of [line, fair]) each.served(entry); }
        assertEquals([line.delete(entry), fair.delete(entry)], [true, true]);
      }
      assertEquals(line.entries, [...apart.values()].flatMap(({ entries }) => entries));
      const from = apart.get(7)!.size + apart.get(0)!.size;
      assertEquals(line.sizeFrom(0), from);
    }
  }));
});
