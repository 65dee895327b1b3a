import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TimeIndex } from "../../../../manager/resource/store/time_index.ts";

interface Row {
  readonly id: string;
  readonly ms: number;
}

const rows: Row[] = Array.from({ length: 6 }, (_, at) => ({ id: `row ${at}`, ms: at % 3 }));

Deno.test("`TimeIndex.before()` returns the same order whatever the order of the writes", () => {
  const order = fc.shuffledSubarray([...rows, ...rows], { minLength: 1 });
  fc.assert(fc.property(order, fc.nat(4), (written, ms) => {
    const index = new TimeIndex<Row>((row) => row.ms, ({ id }) => id, 2);
    for (const row of written) {
      index.replace(row, undefined); // as an undo step does
      index.replace(undefined, row);
    }
    const there = rows.filter((row) => written.includes(row) && row.ms < ms);
    assertEquals(index.before(ms), there);
  }));
});
