/** The C library of a thread, which all that open it share. */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { FUNCTIONS } from "../../ffi/libc_functions.ts";

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

/** Counts what `run` binds. */
function countBound(run: () => void): number {
  const { dlopen } = Deno;
  let bound = 0;
  // @ts-expect-error -- the replacement has a narrower type
  Deno.dlopen = (name: string, symbols: Deno.ForeignLibraryInterface) => {
    bound += Object.keys(symbols).length;
    return dlopen(name, symbols);
  };
  try {
    run();
  } finally {
    Deno.dlopen = dlopen;
  }
  return bound;
}

Deno.test("`openLibc()` binds all functions at once, or each when it is first read", () => {
  const all = Object.keys(FUNCTIONS).length;
  const read = (libc: Libc) => Object.keys(FUNCTIONS).map((name) => Reflect.get(libc.c, name));
  let libc: Libc;
  assertEquals(countBound(() => libc = openLibc()), all);
  assertEquals(countBound(() => read(libc)), 0);
  libc!.close();
  assertEquals(
    countBound(() => libc = openLibc(undefined, "lazy")),
    1,
    "the one that locates errno",
  );
  assertEquals(countBound(() => libc.c.getuid()), 1);
  assertEquals(countBound(() => libc.c.getuid()), 0);
  assertStrictEquals(libc!.c.getuid, libc!.c.getuid);
  assertEquals(countBound(() => libc.bindAll()), all - 2);
  assertEquals(countBound(() => read(libc)), 0);
  libc!.close();
});
