/** Calls of WebAssembly and of shared libraries allocate nothing on the heap. */

import { assert, assertEquals } from "@std/assert";
import { type Arch, sharedObject } from "../../../ffi/elf.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { openNativeLibrary } from "../../../ffi/native_library.ts";
import { loadWasm } from "../../../runtime/executor/package/wasm_package.ts";
import { ECHO, MEMORY, wat } from "../../support/functions/wat.ts";

const CALLS = 8_000;

/** Returns the fewest bytes that a round of calls leaves on the heap, without the rounds in which the heap was collected. */
function leftBytes(call: () => void): number {
  const round = () => {
    const before = Deno.memoryUsage().heapUsed;
    for (let i = 0; i < CALLS; i++) call();
    return Deno.memoryUsage().heapUsed - before;
  };
  for (let i = 0; i < 3; i++) round(); // until the code is optimized
  return Math.min(...Array.from({ length: 5 }, round).filter((bytes) => bytes >= 0));
}

Deno.test("a call of WebAssembly allocates nothing, on either of two slots", async () => {
  const source = await wat(`${MEMORY} ${ECHO}`);
  const limits = { maxBytes: 64, memoryBytes: 2 ** 24, wasi: false };
  const { entries, functions } = loadWasm(source, limits);
  assertEquals(entries, ["echo"]);
  const slots = [1, 2].map((seed) => ({
    input: new Uint8Array(64).fill(seed),
    output: new Uint8Array(64),
  }));
  let i = 0;
  const left = leftBytes(() => {
    const { input, output } = slots[i++ & 1]!;
    functions[0]!(input, output);
  });
  for (const { input, output } of slots) assertEquals(output, input);
  assert(left < 4 * CALLS, `${CALLS} calls left ${left} bytes: the smallest object has 12`);
});

Deno.test("a native call allocates nothing", () => {
  const arch = Deno.build.arch as Arch;
  const ret: Record<Arch, number[]> = {
    x86_64: [0x89, 0xf0, 0xc3], // mov eax, esi; ret
    aarch64: [0xe0, 0x03, 0x01, 0x2a, 0xc0, 0x03, 0x5f, 0xd6], // mov w0, w1; ret
  };
  const code = Uint8Array.from(ret[arch]);
  const libc = openLibc();
  const slots = [0, 1].map(() => ({
    inputBuffer: new ArrayBuffer(64),
    outputBuffer: new ArrayBuffer(64),
  }));
  const library = sharedObject({ f: code, g: code }, arch);
  const { call, close } = openNativeLibrary(libc, library, ["f", "g"], slots);
  try {
    let i = 0;
    let sum = 0;
    const left = leftBytes(() => {
      i = (i + 1) & 3;
      sum = (sum + call(i & 1, i >> 1, 64)) & 0xffff;
    });
    assertEquals(call(0, 0, 64), 64);
    assert(left < 4 * CALLS, `${CALLS} calls left ${left} bytes: the smallest object has 12`);
  } finally {
    close();
    libc.close();
  }
});
