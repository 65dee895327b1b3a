/** The C library of a thread, which all that open it share. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { openLibc } from "../../ffi/libc.ts";

Deno.test("the library stays open until the last of those that opened it closes it", () => {
  const first = openLibc();
  const second = openLibc();
  assertStrictEquals(first.c, second.c);
  first.close();
  first.close(); // counts once
  const third = openLibc();
  assertStrictEquals(second.c, third.c);
  second.close();
  third.close();
  const fresh = openLibc();
  assert(fresh.c !== first.c);
  fresh.close();
});

Deno.test("a library that was closed can be opened again", () => {
  openLibc().close();
  const libc = openLibc();
  assert(libc.c.close(-1) < 0);
  assertEquals(libc.fail("close it").message, "Cannot close it: descriptor is closed (EBADF)");
  libc.close();
});
