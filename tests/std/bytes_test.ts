import { assertEquals, assertNotStrictEquals } from "@std/assert";
import { concat } from "@std/bytes";

Deno.test("`concat()` copies byte arrays, one after the other", () => {
  const one = Uint8Array.of(1, 2);
  const all: Uint8Array<ArrayBuffer> = concat([one, new Uint8Array(), Uint8Array.of(3)]);
  assertEquals(all, Uint8Array.of(1, 2, 3));
  assertEquals(concat([]), new Uint8Array());
  assertNotStrictEquals(concat([one]).buffer, one.buffer);
});
