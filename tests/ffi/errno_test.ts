/** Error numbers and their names. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ErrnoError, errnoError } from "../../ffi/errno.ts";
import { cString, openLibc } from "../../ffi/libc.ts";

for (
  const [errno, code] of [
    [1, "EPERM"],
    [11, "EAGAIN"],
    [12, "ENOMEM"],
    [24, "EMFILE"],
    [98, "EADDRINUSE"],
    [104, "ECONNRESET"],
    [110, "ETIMEDOUT"],
    [111, "ECONNREFUSED"],
  ] as const
) {
  Deno.test(`\`errnoError()\` names ${errno} ${code}`, () => {
    const error = errnoError("try this", errno);
    assertEquals([error.errno, error.code, error.name], [errno, code, "ErrnoError"]);
    assert(error.message.startsWith("Cannot try this: "), error.message);
    assert(error.message.endsWith(`(${code})`), error.message);
  });
}

Deno.test("`errnoError()` has a message for a number without a name", () => {
  const error = errnoError("try this", 4242);
  assertEquals(error.code, "errno 4242");
  assertEquals(error.message, "Cannot try this: unknown error (errno 4242)");
});

Deno.test("`Libc.fail()` is the error of the last failed call", () => {
  const libc = openLibc();
  try {
    assertEquals(libc.c.close(-1), -1);
    assertEquals(libc.errno(), 9);
    const error = libc.fail("close a descriptor");
    assert(error instanceof ErrnoError);
    assertEquals((error as ErrnoError).code, "EBADF");
    assertEquals(libc.c.open(cString("/nowhere/at/all"), 0, 0), -1);
    assertEquals((libc.fail("open a file") as ErrnoError).code, "ENOENT");
  } finally {
    libc.close();
  }
});

Deno.test("`cString()` ends text with a zero byte and refuses one inside", () => {
  assertEquals([...cString("é")], [0xc3, 0xa9, 0]);
  assertEquals([...cString("")], [0]);
  assertThrows(() => cString("a\0b"), TypeError, "zero byte");
});

Deno.test("`openLibc()` needs the permission --allow-ffi", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", "--allow-read", "-"],
    stdin: "null",
    stderr: "piped",
  }).output();
  assertEquals(code, 0); // an empty program: the binary itself works without permissions
  assertEquals(new TextDecoder().decode(stderr), "");
  const refused = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-check",
      `const { openLibc } = await import(${
        JSON.stringify(import.meta.resolve("../../ffi/libc.ts"))
      });
       await Deno.permissions.revoke({ name: "ffi" });
       try { openLibc(); } catch (error) { console.log(error.name); }`,
    ],
    stdin: "null",
  }).output();
  assertEquals(new TextDecoder().decode(refused.stdout), "NotCapable\n");
});
