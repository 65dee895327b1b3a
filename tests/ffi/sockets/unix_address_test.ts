import { assertEquals, assertThrows } from "@std/assert";
import { unixAddress } from "../../../ffi/sockets/unix_address.ts";

Deno.test("`unixAddress()` ends a path by a zero byte, and begins an abstract name by one", () => {
  assertEquals(unixAddress("/a"), Uint8Array.of(1, 0, 47, 97, 0));
  assertEquals(unixAddress("@/a"), Uint8Array.of(1, 0, 0, 47, 97));
});

Deno.test("`unixAddress()` refuses what no socket can have", () => {
  for (const path of ["", "@", `/${"x".repeat(107)}`, `@${"é".repeat(54)}`]) {
    assertThrows(() => unixAddress(path), RangeError, "expected 1 to 107 bytes, got ");
  }
  const longest = "x".repeat(107);
  assertEquals([unixAddress(longest).length, unixAddress(`@${longest}`).length], [110, 110]);
});
