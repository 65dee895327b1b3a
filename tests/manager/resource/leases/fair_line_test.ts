import { assertEquals } from "@std/assert";
import { FairLine } from "../../../../manager/resource/leases/fair_line.ts";

/** Adds entries that are named by their client and their number, such as `a1`. */
function add(line: FairLine<string>, ...entries: string[]): void {
  for (const entry of entries) line.add(entry, { client: entry[0]! });
}

Deno.test("clients take turns in a `FairLine`, each in the order of its entries", () => {
  const line = new FairLine<string>();
  add(line, "a1", "a2", "a3", "a4", "b1", "b2", "c1");
  assertEquals(line.entries, ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]);
  assertEquals([line.size, line.countOf("a"), line.countOf("d")], [7, 4, 0]);
});

Deno.test("a newcomer waits for one turn of the others, however long they have waited", () => {
  const line = new FairLine<string>();
  add(line, ...Array.from({ length: 100 }, (_, at) => `a${at}`));
  for (let at = 0; at < 50; at++) {
    line.served(`a${at}`);
    line.delete(`a${at}`);
  }
  add(line, "b1", "b2");
  assertEquals(line.entries.slice(0, 5), ["a50", "b1", "a51", "b2", "a52"]);
});

Deno.test("an entry that leaves changes no other's place", () => {
  const line = new FairLine<string>();
  add(line, "a1", "a2", "b1", "b2");
  assertEquals([line.delete("a1"), line.delete("a1"), line.has("a1")], [true, false, false]);
  assertEquals(line.entries, ["b1", "a2", "b2"]);
  assertEquals(line.largest(), { client: "b", count: 2, last: "b2" });
  for (const entry of line.entries) line.delete(entry);
  assertEquals([line.size, line.largest()], [0, undefined]);
});
