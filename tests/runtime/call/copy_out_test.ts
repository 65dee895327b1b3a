/** Copies share no bytes. */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { copyAll, copyOut, keptInput } from "../../../runtime/call/copy_out.ts";
import { pattern } from "../../support/pattern.ts";

Deno.test("`keptInput()` copies arguments of any length, each into bytes of its own", () => {
  const lengths = [0, 1, 64, 1023, 1024, 1025, 16 * 1024, 64 * 1024];
  const kept = Array.from({ length: 400 }, (_, i) => {
    const input = pattern(lengths[i % lengths.length]!, i);
    const given = i % 3 === 0 ? Buffer.from(input) : input.slice();
    const copy = keptInput(given);
    given.fill(0);
    return { copy, input };
  });
  for (const { copy, input } of kept) assertEquals(copy, input);
});

for (const length of [0, 64, 16 * 1024 - 1, 16 * 1024, 70_000]) {
  Deno.test(`\`copyOut()\` and \`copyAll()\` copy ${length} bytes into an ArrayBuffer of their own`, () => {
    const memory = pattern(70_001);
    const expected = memory.slice(0, length);
    for (const copy of [copyOut(memory, length), copyAll(memory.subarray(0, length))]) {
      assertEquals(copy, expected);
      assertEquals(copy.buffer.byteLength, length);
    }
    const copy = copyAll(memory.subarray(0, length));
    memory.fill(0);
    assertEquals(copy, expected);
  });
}
