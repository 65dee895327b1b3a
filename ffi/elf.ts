/**
 * A shared object of a few machine instructions, written without a compiler.
 *
 * Some functions of C are in no library: the cycle counter, the pause hint, the verbs that verbs.h defines as `static
 * inline`. Deno's FFI calls a function of two instructions in an ELF file of our own in 4 ns. glibc requires PT_LOAD,
 * and PT_DYNAMIC with DT_HASH, DT_SYMTAB and DT_STRTAB. The dynamic section is writable, because older glibc relocates
 * it in place. PT_GNU_STACK keeps the stack not executable in newer glibc. Source: man 5 elf, System V ABI.
 */

/** The processors that have stubs, by the names of `Deno.build.arch`. */
export type Arch = "x86_64" | "aarch64";

const MACHINE: Record<Arch, number> = { x86_64: 62, aarch64: 183 };
/** The size of both pages of the file, in bytes; aarch64 kernels may use pages of 64 KiB. */
const PAGE = 0x10000;

/**
 * Builds an ELF64 shared object.
 *
 * @param functions position-independent code by the name under which it is exported.
 * @returns the bytes of the file.
 * @throws {RangeError} when it is longer than a page of 64 KiB.
 */
export function sharedObject(
  functions: Record<string, Uint8Array>,
  arch: Arch,
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(functions);
  const strings = new TextEncoder().encode("\0" + names.map((name) => name + "\0").join(""));
  const symbolCount = names.length + 1;

  const hashAt = 64 + 4 * 56;
  const symbolsAt = align(hashAt + 4 * (2 + 1 + symbolCount), 8);
  const stringsAt = symbolsAt + 24 * symbolCount;
  const codeAt: number[] = [];
  let end = stringsAt + strings.length;
  for (const name of names) {
    end = align(end, 16);
    codeAt.push(end);
    end += functions[name]!.length;
  }
  if (end > PAGE) {
    throw new RangeError(`Cannot write shared object: expected at most ${PAGE} bytes, got ${end}`);
  }
  const dynamicBytes = 6 * 16;

  const bytes = new Uint8Array(PAGE + dynamicBytes);
  const view = new DataView(bytes.buffer);
  const u64 = (at: number, value: number) => view.setBigUint64(at, BigInt(value), true);

  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little endian, version 1
  view.setUint16(16, 3, true); // ET_DYN
  view.setUint16(18, MACHINE[arch], true);
  view.setUint32(20, 1, true);
  u64(32, 64); // program headers follow the header
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 4, true); // four of them
  view.setUint16(58, 64, true);

  const programHeader = (
    i: number,
    type: number,
    flags: number,
    at: number,
    size: number,
    alignment: number,
  ) => {
    const h = 64 + i * 56;
    view.setUint32(h, type, true);
    view.setUint32(h + 4, flags, true);
    for (const field of [8, 16, 24]) u64(h + field, at); // offset, virtual and physical address
    u64(h + 32, size);
    u64(h + 40, size);
    u64(h + 48, alignment);
  };
  programHeader(0, 1, 5, 0, end, PAGE); // PT_LOAD, read and execute
  programHeader(1, 1, 6, PAGE, dynamicBytes, PAGE); // PT_LOAD, read and write
  programHeader(2, 2, 6, PAGE, dynamicBytes, 8); // PT_DYNAMIC
  programHeader(3, 0x6474e551, 6, 0, 0, 16); // PT_GNU_STACK

  // One bucket, every symbol in one chain.
  view.setUint32(hashAt, 1, true);
  view.setUint32(hashAt + 4, symbolCount, true);
  view.setUint32(hashAt + 8, names.length > 0 ? 1 : 0, true);
  for (let i = 1; i < names.length; i++) view.setUint32(hashAt + 12 + 4 * i, i + 1, true);

  let nameAt = 1;
  names.forEach((name, i) => {
    const s = symbolsAt + 24 * (i + 1);
    view.setUint32(s, nameAt, true);
    view.setUint8(s + 4, 0x12); // STB_GLOBAL, STT_FUNC
    view.setUint16(s + 6, 1, true); // any section but SHN_UNDEF
    u64(s + 8, codeAt[i]!);
    u64(s + 16, functions[name]!.length);
    bytes.set(functions[name]!, codeAt[i]!);
    nameAt += name.length + 1;
  });
  bytes.set(strings, stringsAt);

  const dynamic = [[4, hashAt], [5, stringsAt], [6, symbolsAt], [10, strings.length], [11, 24], [
    0,
    0,
  ]];
  dynamic.forEach(([tag, value], i) => {
    u64(PAGE + 16 * i, tag!);
    u64(PAGE + 16 * i + 8, value!);
  });
  return bytes;
}

function align(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
