import { assertEquals, assertThrows } from "@std/assert";
import { type Arch, sharedObject } from "../../ffi/elf.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openNativeLibrary } from "../../ffi/native_library.ts";
import { compile, compilerNeeded, rfaasFunction } from "../support/functions/compiler.ts";

const slot = () => ({ inputBuffer: new ArrayBuffer(64), outputBuffer: new ArrayBuffer(64) });
/** `f(in, size, out)` in machine code: doubles the first word of the argument. */
const DOUBLE: Record<Arch, Uint8Array> = {
  x86_64: Uint8Array.of(
    ...[0x8b, 0x07], // mov eax, [rdi]
    ...[0x01, 0xc0], // add eax, eax
    ...[0x89, 0x02], // mov [rdx], eax
    ...[0x89, 0xf0], // mov eax, esi
    0xc3, // ret
  ),
  aarch64: Uint8Array.of(
    ...[0x08, 0x00, 0x40, 0xb9], // ldr w8, [x0]
    ...[0x08, 0x01, 0x08, 0x0b], // add w8, w8, w8
    ...[0x48, 0x00, 0x00, 0xb9], // str w8, [x2]
    ...[0xe0, 0x03, 0x01, 0x2a], // mov w0, w1
    ...[0xc0, 0x03, 0x5f, 0xd6], // ret
  ),
};

Deno.test("`openNativeLibrary()` calls functions on the memory of slots", () => {
  const arch = Deno.build.arch as Arch;
  const libc = openLibc();
  try {
    const library = sharedObject({ f: DOUBLE[arch], g: DOUBLE[arch] }, arch);
    const slots = [slot(), slot()];
    const { call, close } = openNativeLibrary(libc, library, ["f", "g"], slots);
    for (const [i, { inputBuffer, outputBuffer }] of slots.entries()) {
      new Uint32Array(inputBuffer)[0] = 21 + i;
      assertEquals(call(i, i, 0xffff_fff0), 0xffff_fff0);
      assertEquals(new Uint32Array(outputBuffer)[0], 42 + 2 * i);
    }
    close();
  } finally {
    libc.close();
  }
});

Deno.test({
  name: "`openNativeLibrary()` throws the dynamic linker's message" + compilerNeeded,
  ignore: compilerNeeded !== "",
}, async () => {
  const libc = openLibc();
  try {
    const refused = (library: Uint8Array<ArrayBuffer>, names: string[], message: string) =>
      assertThrows(() => openNativeLibrary(libc, library, names, []), TypeError, message);
    const sound = await compile(rfaasFunction("f", "return 0;"));
    refused(sound, ["g"], "undefined symbol: g");
    const missing = await compile(
      "int elsewhere(void);\n" + rfaasFunction("f", "return elsewhere();"),
    );
    refused(missing, ["f"], "undefined symbol: elsewhere");
    refused(new Uint8Array(100), ["f"], "invalid ELF header");
  } finally {
    libc.close();
  }
});
