import { assertEquals } from "@std/assert";
import { AttachRefusal, checkAttach, encodeAttach } from "../../../runtime/protocol/attach.ts";
import {
  decodeManagerHello,
  encodeManagerHello,
  ManagerRole,
} from "../../../runtime/protocol/manager_hello.ts";
import { refusalText } from "../../../runtime/protocol/private_data.ts";

/** Private data as a network pads it to `bytes`. */
function padded(data: Uint8Array, bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  whole.set(data);
  return whole;
}

const SECRET = new Uint8Array(16).fill(7);

Deno.test("`decodeManagerHello()` accepts zeros after the hello, and nothing else", () => {
  const hello = encodeManagerHello(ManagerRole.EXECUTOR, "0123456789abcdef".repeat(2));
  const read = decodeManagerHello(hello);
  assertEquals(read, { role: ManagerRole.EXECUTOR, secret: "0123456789abcdef".repeat(2) });
  for (const bytes of [56, 196]) assertEquals(decodeManagerHello(padded(hello, bytes)), read);
  const dirty = padded(hello, 56);
  dirty[55] = 1;
  assertEquals(decodeManagerHello(dirty), "malformed");
  assertEquals(decodeManagerHello(hello.subarray(0, 23)), "malformed");
  assertEquals(decodeManagerHello(new Uint8Array(0)), "malformed");
});

Deno.test("`checkAttach()` accepts zeros after the request, and nothing else", () => {
  const request = encodeAttach(3, SECRET);
  for (const bytes of [28, 56, 196]) {
    assertEquals(checkAttach(padded(request, bytes), 3, SECRET), 0);
    assertEquals(
      checkAttach(padded(request, bytes), 3, new Uint8Array(16)),
      AttachRefusal.SECRET,
    );
  }
  const dirty = padded(request, 56);
  dirty[28] = 1;
  assertEquals(checkAttach(dirty, 3, SECRET), AttachRefusal.MALFORMED);
  assertEquals(checkAttach(request.subarray(0, 27), 3, SECRET), AttachRefusal.MALFORMED);
});

Deno.test("`refusalText()` returns the text without its padding", () => {
  const text = new TextEncoder().encode("too many clients wait");
  assertEquals(refusalText(padded(text, 148)), "too many clients wait");
  assertEquals(refusalText(text), "too many clients wait");
  assertEquals(refusalText(new Uint8Array(56)), "");
  assertEquals(refusalText(new Uint8Array(0)), "");
});
