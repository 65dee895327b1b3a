/** Quotes and headers of CSV. */

import { assertEquals, assertThrows } from "@std/assert";
import { stringify } from "@std/csv";

Deno.test("`stringify()` writes arrays, and quotes cells that need it", () => {
  assertEquals(
    stringify([["a,b", 'c"d', "e\nf"], [1, null, undefined, true]]),
    '"a,b","c""d","e\nf"\r\n1,,,true\r\n',
  );
  assertEquals(stringify([[1, 2]], { separator: ";", bom: true }), "\ufeff1;2\r\n");
});

Deno.test("`stringify()` writes the columns of objects below their headers", () => {
  const rows = [{ a: 1, b: "x" }, { a: 2, b: "y" }];
  assertEquals(
    stringify(rows, { columns: ["b", { prop: "a", header: "A" }] }),
    "b,A\r\nx,1\r\ny,2\r\n",
  );
  assertEquals(stringify(rows, { columns: ["a"], headers: false }), "1\r\n2\r\n");
});

Deno.test("`stringify()` refuses a separator that quoting cannot mask", () => {
  assertThrows(() => stringify([[1]], { separator: '"' }), TypeError, "Separator");
  assertThrows(() => stringify([[1]], { separator: "\r\n" }), TypeError, "Separator");
});

Deno.test("`stringify()` takes objects only with columns that they have", () => {
  // @ts-expect-error -- no columns
  assertThrows(() => stringify([{ a: 1 }]), TypeError, "No property accessor");
  // @ts-expect-error -- a column that no row has
  assertEquals(stringify([{ a: 1 }], { columns: ["b"] }), "b\r\n\r\n");
});
