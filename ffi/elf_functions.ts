/**
 * The functions that a shared library exports, read from its bytes before any of it is loaded.
 *
 * The reader uses what the dynamic linker uses: PT_DYNAMIC, DT_SYMTAB and a hash table, which has the number of symbols.
 * Section headers may have been stripped. Source: man 5 elf, System V ABI; for DT_GNU_HASH glibc's elf/dl-lookup.c.
 */

import type { Arch } from "./elf.ts";

/** Names of e_machine for the processors that libraries are commonly built for. */
const MACHINES: Record<number, Arch | string> = {
  3: "x86 of 32 bits",
  21: "ppc64",
  22: "s390",
  40: "arm of 32 bits",
  62: "x86_64",
  183: "aarch64",
  243: "riscv",
};
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const ET_DYN = 3;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_HASH = 4;
const DT_STRTAB = 5;
const DT_SYMTAB = 6;
const DT_STRSZ = 10;
const DT_GNU_HASH = 0x6ffffef5;
const PROGRAM_HEADER_BYTES = 56;
const SYMBOL_BYTES = 24;
const STB_GLOBAL = 1;
const STB_WEAK = 2;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const STV_DEFAULT = 0;
const STV_PROTECTED = 3;
/** The prefix of mangled C++ symbols, which are not functions of the C interface. */
const CPLUSPLUS = "_Z";
/** Older linkers export these from every library. */
const NOT_FOR_CALLERS = new Set(["_init", "_fini"]);

/**
 * The names of the exported functions, sorted.
 *
 * @throws {TypeError} when this is not a shared library for `arch`; the message has the reason.
 */
export function exportedFunctions(library: Uint8Array<ArrayBuffer>, arch: Arch): string[] {
  const file = new ElfFile(library);
  file.checkHeader(arch);
  const dynamic = file.dynamic();
  const symbolsAt = file.offsetOf(dynamic.get(DT_SYMTAB), "DT_SYMTAB");
  const stringsAt = file.offsetOf(dynamic.get(DT_STRTAB), "DT_STRTAB");
  const stringBytes = dynamic.get(DT_STRSZ) ?? 0;
  const names = new Set<string>();
  const count = file.symbolCount(dynamic);
  for (let i = 1; i < count; i++) {
    const at = symbolsAt + i * SYMBOL_BYTES;
    const info = file.u8(at + 4);
    const visibility = file.u8(at + 5) & 3;
    const isFunction = (info & 15) === STT_FUNC || (info & 15) === STT_GNU_IFUNC;
    const isGlobal = info >> 4 === STB_GLOBAL || info >> 4 === STB_WEAK;
    const isDefined = file.u16(at + 6) !== 0;
    if (!isFunction || !isGlobal || !isDefined) continue;
    if (visibility !== STV_DEFAULT && visibility !== STV_PROTECTED) continue;
    const nameAt = file.u32(at);
    if (nameAt >= stringBytes) throw file.damaged(`symbol ${i} has no name`);
    const name = file.string(stringsAt + nameAt, stringBytes - nameAt);
    if (!name.startsWith(CPLUSPLUS) && !NOT_FOR_CALLERS.has(name)) names.add(name);
  }
  return [...names].sort();
}

interface Segment {
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

/** Reads the file; an offset outside is an error. */
class ElfFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #segments: Segment[] = [];
  #dynamicSegment: Segment | undefined;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  checkHeader(arch: Arch): void {
    this.#need(0, 64);
    if (this.u8(4) !== CLASS_64 || this.u8(5) !== LITTLE_ENDIAN) {
      throw new TypeError(
        `Cannot serve package: the library is for ${this.u8(4) === CLASS_64 ? 64 : 32} bits, ${
          this.u8(5) === LITTLE_ENDIAN ? "little" : "big"
        } endian; this node has ${arch}`,
      );
    }
    const machine = this.u16(18);
    if (MACHINES[machine] !== arch) {
      throw new TypeError(
        `Cannot serve package: the library is for ${
          MACHINES[machine] ?? "another processor"
        } (ELF machine ${machine}), this node has ${arch}`,
      );
    }
    if (this.u16(16) !== ET_DYN) {
      throw new TypeError(
        `Cannot serve package: the ELF file has type ${
          this.u16(16)
        } and is not a shared library: link it with -shared`,
      );
    }
    const at = this.u64(32);
    const count = this.u16(56);
    if (this.u16(54) !== PROGRAM_HEADER_BYTES) {
      throw this.damaged("its program headers have another size");
    }
    for (let i = 0; i < count; i++) this.#readProgramHeader(at + i * PROGRAM_HEADER_BYTES);
  }

  #readProgramHeader(at: number): void {
    const type = this.u32(at);
    if (type !== PT_LOAD && type !== PT_DYNAMIC) return;
    const segment = {
      offset: this.u64(at + 8),
      address: this.u64(at + 16),
      bytes: this.u64(at + 32),
    };
    // Touching a mapping past the end of the file would end the process.
    this.#need(segment.offset, segment.bytes);
    if (type === PT_LOAD) this.#segments.push(segment);
    else this.#dynamicSegment = segment;
  }

  /** The values of the dynamic section by their tag. */
  dynamic(): Map<number, number> {
    const values = new Map<number, number>();
    if (!this.#dynamicSegment) throw this.damaged("it has no dynamic section");
    const { offset, bytes } = this.#dynamicSegment;
    for (let at = offset; at + 16 <= offset + bytes; at += 16) {
      const tag = this.u32(at);
      if (tag === 0) break;
      if (this.u32(at + 4) === 0) values.set(tag, this.u64(at + 8));
    }
    return values;
  }

  symbolCount(dynamic: Map<number, number>): number {
    const hash = dynamic.get(DT_HASH);
    if (hash !== undefined) return this.u32(this.offsetOf(hash, "DT_HASH") + 4); // nchain
    // Buckets hold the first symbol of each chain; a chain ends with the lowest bit of its hash.
    const at = this.offsetOf(dynamic.get(DT_GNU_HASH), "DT_HASH or DT_GNU_HASH");
    const buckets = this.u32(at);
    const first = this.u32(at + 4);
    const bucketsAt = at + 16 + 8 * this.u32(at + 8);
    let last = 0;
    for (let i = 0; i < buckets; i++) last = Math.max(last, this.u32(bucketsAt + 4 * i));
    if (last < first) return first;
    const chainsAt = bucketsAt + 4 * buckets;
    while ((this.u32(chainsAt + 4 * (last - first)) & 1) === 0) last++;
    return last + 1;
  }

  /** The offset in the file of what is loaded at `address`. */
  offsetOf(address: number | undefined, what: string): number {
    const segment = address === undefined
      ? undefined
      : this.#segments.find((segment) =>
        address >= segment.address && address < segment.address + segment.bytes
      );
    if (address === undefined || !segment) throw this.damaged(`it has no ${what}`);
    return address - segment.address + segment.offset;
  }

  u8(at: number): number {
    this.#need(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.#need(at, 2);
    return this.#view.getUint16(at, true);
  }

  u32(at: number): number {
    this.#need(at, 4);
    return this.#view.getUint32(at, true);
  }

  /** Not exact above 2^53, which is outside every file. */
  u64(at: number): number {
    return this.u32(at) + this.u32(at + 4) * 2 ** 32;
  }

  string(at: number, maxBytes: number): string {
    this.#need(at, maxBytes);
    const end = this.#bytes.indexOf(0, at);
    if (end < 0 || end >= at + maxBytes) throw this.damaged("a name has no end");
    return new TextDecoder().decode(this.#bytes.subarray(at, end));
  }

  damaged(what: string): TypeError {
    return new TypeError(`Cannot serve package: the library is damaged or cut off: ${what}`);
  }

  #need(at: number, bytes: number): void {
    if (at + bytes <= this.#bytes.length) return;
    throw this.damaged(`${bytes} bytes at ${at} are missing, it has ${this.#bytes.length}`);
  }
}
