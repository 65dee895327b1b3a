/** A shared object that is written without a compiler is parsed and loaded. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { CPU_CODE } from "../../ffi/cpu.ts";
import { type Arch, sharedObject } from "../../ffi/elf.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openSharedObject } from "../../ffi/shared_object.ts";
import { countDescriptors, countMappings } from "../support/descriptors.ts";

/** Parses the bytes by `man 5 elf`. */
function parse(bytes: Uint8Array<ArrayBuffer>) {
  const view = new DataView(bytes.buffer);
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  const segments = Array.from({ length: view.getUint16(56, true) }, (_, i) => {
    const at = u64(32) + i * view.getUint16(54, true);
    return {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: u64(at + 8),
      address: u64(at + 16),
      fileBytes: u64(at + 32),
      memoryBytes: u64(at + 40),
      alignment: u64(at + 48),
    };
  });
  const dynamic = new Map<number, number>();
  const table = segments.find(({ type }) => type === 2)!;
  for (let at = table.offset; u64(at) !== 0; at += 16) dynamic.set(u64(at), u64(at + 8));
  const name = (at: number) => {
    const from = dynamic.get(5)! + at;
    return new TextDecoder().decode(bytes.subarray(from, bytes.indexOf(0, from)));
  };
  /** Looks a symbol up as the loader does: from the bucket along the chain. */
  const lookUp = (symbol: string) => {
    const hash = dynamic.get(4)!;
    assertEquals(view.getUint32(hash, true), 1, "one bucket");
    for (let i = view.getUint32(hash + 8, true); i !== 0;) {
      const at = dynamic.get(6)! + i * dynamic.get(11)!;
      if (name(view.getUint32(at, true)) === symbol) {
        assertEquals(view.getUint8(at + 4), 0x12, "a global function");
        assert(view.getUint16(at + 6, true) !== 0, "defined here");
        return bytes.slice(u64(at + 8), u64(at + 8) + u64(at + 16));
      }
      i = view.getUint32(hash + 12 + 4 * i, true);
    }
    return undefined;
  };
  return { machine: view.getUint16(18, true), segments, lookUp, type: view.getUint16(16, true) };
}

for (const [arch, machine] of [["x86_64", 62], ["aarch64", 183]] as [Arch, number][]) {
  Deno.test(`\`sharedObject()\` for ${arch} can be parsed`, () => {
    const functions = {
      first: Uint8Array.of(1, 2, 3),
      second: new Uint8Array(100).fill(9),
      third: Uint8Array.of(0xc3),
    };
    const bytes = sharedObject(functions, arch);
    assertEquals([...bytes.subarray(0, 7)], [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    const { type, machine: found, segments, lookUp } = parse(bytes);
    assertEquals([type, found], [3, machine]);
    for (const [name, code] of Object.entries(functions)) assertEquals(lookUp(name), code);
    assertEquals(lookUp("fourth"), undefined);
    const loaded = segments.filter(({ type }) => type === 1);
    assertEquals(
      loaded.map(({ flags }) => flags),
      [5, 6],
      "code not writable, data not executable",
    );
    for (const { offset, address, fileBytes, memoryBytes, alignment } of loaded) {
      assertEquals(offset % alignment, address % alignment);
      assert(offset + fileBytes <= bytes.length && memoryBytes === fileBytes);
    }
    const stack = segments.find(({ type }) => type === 0x6474e551);
    assertEquals(stack?.flags, 6, "the stack is not executable");
  });
}

Deno.test("`sharedObject()` refuses more code than its page holds", () => {
  assertThrows(() => sharedObject({ big: new Uint8Array(65536) }, "x86_64"), RangeError, "65536");
});

Deno.test("CPU_CODE has the instructions that the assembler makes", () => {
  const hex = (code: Uint8Array) => code.toHex();
  // rdtsc; shl rdx, 32; or rax, rdx; cvtsi2sd xmm0, rax; ret
  assertEquals(hex(CPU_CODE.x86_64.cycles), "0f31" + "48c1e220" + "4809d0" + "f2480f2ac0" + "c3");
  assertEquals(hex(CPU_CODE.x86_64.pause), "f390" + "c3"); // pause; ret
  // mrs x0, cntvct_el0; ucvtf d0, x0; ret
  assertEquals(hex(CPU_CODE.aarch64.cycles), "40e03bd5" + "0000639e" + "c0035fd6");
  assertEquals(hex(CPU_CODE.aarch64.pause), "df3f03d5" + "c0035fd6"); // isb; ret
});

Deno.test({
  name: "`openSharedObject()` loads two objects side by side and unloads them (x86-64)",
  ignore: Deno.build.arch !== "x86_64",
  fn: () => {
    const libc = openLibc();
    const constant = (value: number) => Uint8Array.of(0xb8, value, 0, 0, 0, 0xc3); // mov eax, n; ret
    const symbols = {
      one: { parameters: [], result: "i32" },
      two: { parameters: [], result: "i32" },
      sum: { parameters: ["i32", "i32"], result: "i32" },
    } as const;
    const sum = Uint8Array.of(0x8d, 0x04, 0x37, 0xc3); // lea eax, [rdi + rsi]; ret
    const object = (one: number, two: number) =>
      sharedObject({ one: constant(one), two: constant(two), sum }, "x86_64");
    const [descriptors, mappings] = [countDescriptors(), countMappings()];
    const a = openSharedObject(libc, "rfaas-test", object(1, 2), symbols);
    const b = openSharedObject(libc, "rfaas-test", object(3, 4), symbols);
    assertEquals([a.symbols.one(), a.symbols.two(), a.symbols.sum(40, 2)], [1, 2, 42]);
    assertEquals([b.symbols.one(), b.symbols.two()], [3, 4], "they are not the first library's");
    a.close();
    assertEquals(b.symbols.two(), 4);
    b.close();
    assertEquals([countDescriptors(), countMappings()], [descriptors, mappings]);
    libc.close();
  },
});
