/**
 * The descriptors and mappings of a thread of JavaScript that ends without closing them.
 *
 * Deno ends a thread without another turn of its event loop: at `worker.terminate()`, when the thread ends that has
 * started it, and when `deno run --watch` restarts a program. The process goes on, so the kernel closes nothing, and a
 * peer sees a connection that is never used again. glibc calls destructors when a thread ends
 * (`__cxa_thread_atexit_impl`, by which C++ implements `thread_local`). The destructor here is machine code, since there
 * is no JavaScript by then: it makes the system calls of a list that JavaScript has kept.
 */

import type { Arch } from "./elf.ts";
import type { Holdings, Libc } from "./libc.ts";

const PROT_READ_WRITE = 1 | 2;
const PROT_READ_EXEC = 1 | 4;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x2 | 0x20 | 0x4000;
const SHUT_RDWR = 2;
/** -1 as an argument of a system call. */
const NO_DESCRIPTOR = 0xffffffffffffffffn;

/** The list's memory, in bytes; the kernel supplies the pages that are used. Ends of 16,000 descriptors fit. */
const LIST_BYTES = 2 ** 20;
/** The code has the first page to itself; aarch64 kernels may use pages of 64 KiB. */
const CODE_BYTES = 0x10000;
const TOTAL_BYTES = CODE_BYTES + LIST_BYTES;

/** Words of 64 bits before the entries: their number, the address of the function at the end, an eventfd's value. */
const COUNT = 0;
const LAST = 1;
const ONE = 2;
const ENTRIES = 4;
/** Words of an entry: two system calls of a number and three arguments. */
const CALL_WORDS = 4;
const ENTRY_WORDS = 2 * CALL_WORDS;
const MAX_ENTRIES = Math.floor((LIST_BYTES / 8 - ENTRIES) / ENTRY_WORDS);

type Call = readonly [number: bigint, first: bigint, second?: bigint, third?: bigint];

/** Numbers of system calls. Source: asm/unistd_64.h and asm-generic/unistd.h of Linux. */
const NUMBERS: Record<Arch, { write: bigint; close: bigint; munmap: bigint; shutdown: bigint }> = {
  x86_64: { write: 1n, close: 3n, munmap: 11n, shutdown: 48n },
  aarch64: { write: 64n, close: 57n, munmap: 215n, shutdown: 210n },
};

/**
 * `release(list)`: makes the system calls of the list, then jumps to munmap(2) of the C library, which removes list and
 * code. The kernel preserves the registers that are used between the calls.
 */
export const RELEASE_CODE: Record<Arch, Uint8Array> = {
  x86_64: Uint8Array.of(
    ...[0x4c, 0x8b, 0x07], // mov r8, [rdi]: entries
    ...[0x4d, 0x01, 0xc0], // add r8, r8: calls
    ...[0x4c, 0x8d, 0x4f, 0x20], // lea r9, [rdi + 32]
    ...[0x49, 0x89, 0xfa], // mov r10, rdi
    ...[0x4d, 0x85, 0xc0], // loop: test r8, r8
    ...[0x74, 0x1a], // jz end
    ...[0x49, 0x8b, 0x01], // mov rax, [r9]
    ...[0x49, 0x8b, 0x79, 0x08], // mov rdi, [r9 + 8]
    ...[0x49, 0x8b, 0x71, 0x10], // mov rsi, [r9 + 16]
    ...[0x49, 0x8b, 0x51, 0x18], // mov rdx, [r9 + 24]
    ...[0x0f, 0x05], // syscall
    ...[0x49, 0x83, 0xc1, 0x20], // add r9, 32
    ...[0x49, 0xff, 0xc8], // dec r8
    ...[0xeb, 0xe1], // jmp loop
    ...[0x49, 0x8d, 0xba, 0x00, 0x00, 0xff, 0xff], // end: lea rdi, [r10 - 0x10000]
    ...[0xbe, 0x00, 0x00, 0x11, 0x00], // mov esi, 0x110000
    ...[0x41, 0xff, 0x62, 0x08], // jmp [r10 + 8]
  ),
  aarch64: Uint8Array.of(
    ...[0x09, 0x00, 0x40, 0xf9], // ldr x9, [x0]: entries
    ...[0x29, 0x01, 0x09, 0x8b], // add x9, x9, x9: calls
    ...[0x0a, 0x80, 0x00, 0x91], // add x10, x0, #32
    ...[0xeb, 0x03, 0x00, 0xaa], // mov x11, x0
    ...[0xe9, 0x00, 0x00, 0xb4], // loop: cbz x9, end
    ...[0x48, 0x01, 0x40, 0xa9], // ldp x8, x0, [x10]
    ...[0x41, 0x09, 0x41, 0xa9], // ldp x1, x2, [x10, #16]
    ...[0x01, 0x00, 0x00, 0xd4], // svc #0
    ...[0x4a, 0x81, 0x00, 0x91], // add x10, x10, #32
    ...[0x29, 0x05, 0x00, 0xd1], // sub x9, x9, #1
    ...[0xfa, 0xff, 0xff, 0x17], // b loop
    ...[0x60, 0x41, 0x40, 0xd1], // end: sub x0, x11, #0x10000
    ...[0x01, 0x02, 0xa0, 0x52], // mov w1, #0x100000
    ...[0x21, 0x40, 0x40, 0x91], // add x1, x1, #0x10000
    ...[0x62, 0x05, 0x40, 0xf9], // ldr x2, [x11, #8]
    ...[0x40, 0x00, 0x1f, 0xd6], // br x2
  ),
};

/** The descriptors and mappings that are released when a thread ends. One thread writes it. */
export class EndOfThread implements Holdings {
  /** The address of the list, to pass to the thread with which it is released. */
  readonly address: number;
  readonly #words: BigUint64Array;
  readonly #numbers = NUMBERS[Deno.build.arch as Arch];
  /** The entry of each descriptor, and of each mapping by its negative address. */
  readonly #entries = new Map<number, number>();
  readonly #free: number[] = [];
  #used = 0;
  #open = true;

  /** @throws {ErrnoError} when the kernel refuses the memory. */
  constructor(libc: Libc) {
    const base = libc.c.mmap(
      null,
      BigInt(TOTAL_BYTES),
      PROT_READ_WRITE,
      MAP_PRIVATE_ANONYMOUS_NORESERVE,
      -1,
      0n,
    );
    const at = Deno.UnsafePointer.value(base);
    if (base === null || BigInt.asIntN(64, BigInt(at)) === -1n) {
      throw libc.fail("keep the list of a thread's descriptors");
    }
    const view = new Deno.UnsafePointerView(base);
    new Uint8Array(view.getArrayBuffer(CODE_BYTES)).set(RELEASE_CODE[Deno.build.arch as Arch]);
    if (libc.c.mprotect(base, BigInt(CODE_BYTES), PROT_READ_EXEC) !== 0) {
      const error = libc.fail("make code for the end of a thread");
      libc.c.munmap(base, BigInt(TOTAL_BYTES));
      throw error;
    }
    this.address = Number(at) + CODE_BYTES;
    this.#words = new BigUint64Array(view.getArrayBuffer(LIST_BYTES, CODE_BYTES));
    this.#words[LAST] = BigInt(Deno.UnsafePointer.value(libc.c.munmapAddress));
    this.#words[ONE] = 1n;
  }

  /** A socket: both its directions end, which also ends a poll(2) of another thread. */
  socket(fd: number): void {
    const { shutdown, close } = this.#numbers;
    this.#add(fd, [shutdown, BigInt(fd), BigInt(SHUT_RDWR)], [close, BigInt(fd)]);
  }

  /** An eventfd, which is signaled before it is closed. */
  eventfd(fd: number): void {
    const { write, close } = this.#numbers;
    this.#add(fd, [write, BigInt(fd), BigInt(this.address + ONE * 8), 8n], [close, BigInt(fd)]);
  }

  mapping(address: number, length: number): void {
    this.#add(-address, [this.#numbers.munmap, BigInt(address), BigInt(length)], this.#nothing);
  }

  /** A descriptor is about to be closed. */
  forget(fd: number): void {
    this.#remove(fd);
  }

  /** A mapping is about to be removed. */
  forgetMapping(address: number): void {
    this.#remove(-address);
  }

  /** Nothing is released: this thread closes everything itself. The list must not be used by its thread afterwards. */
  disarm(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#words[COUNT] = 0n;
  }

  /** Closes no descriptor. */
  get #nothing(): Call {
    return [this.#numbers.close, NO_DESCRIPTOR];
  }

  #add(key: number, first: Call, second: Call): void {
    const entry = this.#free.pop() ?? this.#used;
    if (!this.#open || entry >= MAX_ENTRIES) return;
    this.#entries.set(key, entry);
    this.#write(entry, first, second);
    if (entry < this.#used) return;
    this.#used++;
    this.#words[COUNT] = BigInt(this.#used);
  }

  #remove(key: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined || !this.#open) return;
    this.#entries.delete(key);
    this.#write(entry, this.#nothing, this.#nothing);
    this.#free.push(entry);
  }

  #write(entry: number, first: Call, second: Call): void {
    const at = ENTRIES + entry * ENTRY_WORDS;
    for (let word = 0; word < CALL_WORDS; word++) {
      this.#words[at + word] = first[word] ?? 0n;
      this.#words[at + CALL_WORDS + word] = second[word] ?? 0n;
    }
  }
}

/** Releases a list, by its {@linkcode EndOfThread.address}, when the calling thread ends; then removes the list. */
export function releaseAtEnd(libc: Libc, address: number): void {
  const code = Deno.UnsafePointer.create(BigInt(address - CODE_BYTES));
  libc.c.__cxa_thread_atexit_impl(code, Deno.UnsafePointer.create(BigInt(address)), null);
}

/** The calling thread fails, but the thread of this list goes on and uses it: nothing of it is released. */
export function disarmAtFailure(libc: Libc, address: number): void {
  const list = Deno.UnsafePointer.create(BigInt(address))!;
  const words = new BigUint64Array(new Deno.UnsafePointerView(list).getArrayBuffer(ENTRIES * 8));
  words[COUNT] = 0n;
  words[LAST] = BigInt(Deno.UnsafePointer.value(libc.c.getuidAddress)); // does nothing
}
