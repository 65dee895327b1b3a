/** Memory mapped from a descriptor, as an object that owns it. */

import type { Libc } from "./libc.ts";

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x2 | 0x20;
/** MAP_FAILED is (void *) -1. */
const MAP_FAILED = 0xffffffffffffffffn;

/** The page size to which all lengths are rounded up, in bytes. */
export const PAGE_BYTES = 4096;

/** `bytes` rounded up to whole pages. */
export function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * A shared mapping. Every range is handed out as an ArrayBuffer of its own, so that `view.buffer` shows no more than the
 * range. {@linkcode MappedMemory.close} detaches them all before it unmaps, because reading an unmapped page would end
 * the process.
 */
export class MappedMemory implements Disposable {
  /** Bytes mapped. */
  readonly length: number;
  /** The address of the first byte. */
  readonly address: number;
  /** The first byte, for functions of C. */
  readonly pointer: Deno.PointerObject;
  readonly #libc: Libc;
  readonly #view: Deno.UnsafePointerView;
  #handedOut: ArrayBuffer[] = [];
  #open = true;

  private constructor(libc: Libc, pointer: Deno.PointerObject, length: number) {
    this.#libc = libc;
    this.pointer = pointer;
    this.#view = new Deno.UnsafePointerView(pointer);
    this.length = length;
    this.address = Number(Deno.UnsafePointer.value(pointer));
  }

  /**
   * Maps the first `length` bytes of `fd` to read and write, shared. The descriptor may be closed afterwards.
   *
   * @throws {RangeError} when the length is not a positive integer.
   * @throws {ErrnoError} when the kernel refuses.
   */
  static map(libc: Libc, fd: number, length: number): MappedMemory {
    if (!Number.isSafeInteger(length) || length <= 0) {
      throw new RangeError(
        `Cannot map memory: expected a length of at least 1 byte, got ${length}`,
      );
    }
    const memory = MappedMemory.#map(libc, fd, length, MAP_SHARED);
    libc.holdings?.mapping(memory.address, length);
    return memory;
  }

  /** Maps `length` bytes of zeros that no other process shares. @throws {ErrnoError} when the kernel refuses. */
  static allocate(libc: Libc, length: number): MappedMemory {
    return MappedMemory.#map(libc, -1, length, MAP_PRIVATE_ANONYMOUS);
  }

  static #map(libc: Libc, fd: number, length: number, flags: number): MappedMemory {
    const pointer = libc.c.mmap(null, BigInt(length), PROT_READ | PROT_WRITE, flags, fd, 0n);
    if (
      pointer === null ||
      BigInt.asUintN(64, BigInt(Deno.UnsafePointer.value(pointer))) === MAP_FAILED
    ) {
      throw libc.fail(`map ${length} bytes`);
    }
    return new MappedMemory(libc, pointer, length);
  }

  /**
   * An ArrayBuffer over `length` bytes at `offset`, without a copy.
   *
   * @throws {RangeError} when the range is not inside the mapping.
   * @throws {TypeError} after {@linkcode MappedMemory.close}.
   */
  buffer(offset: number, length: number): ArrayBuffer {
    if (!this.#open) throw new TypeError("Cannot show mapped memory: it is closed");
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0 ||
      offset + length > this.length
    ) {
      throw new RangeError(
        `Cannot show mapped memory: ${length} bytes at ${offset} are not inside its ${this.length}`,
      );
    }
    const buffer = this.#view.getArrayBuffer(length, offset);
    this.#handedOut.push(buffer);
    return buffer;
  }

  /**
   * Detaches every buffer that was handed out (their views become empty), then unmaps. Memory of which a buffer was
   * transferred stays mapped: it is in another ArrayBuffer, whose owner would end the process by an access. May be called
   * twice.
   */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const isElsewhere = this.#handedOut.some(({ detached }) => detached);
    for (const buffer of this.#handedOut) if (!buffer.detached) buffer.transfer();
    this.#handedOut = [];
    if (isElsewhere) return;
    this.#libc.holdings?.forgetMapping(this.address);
    this.#libc.c.munmap(this.pointer, BigInt(this.length));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
