/**
 * A verbs context without a device: a table of functions of a few instructions each (x86-64), and one object that stands
 * for a queue pair, a completion queue, a protection domain and a memory window.
 */

import { sharedObject } from "../../../ffi/elf.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { MappedMemory } from "../../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../../ffi/shared_memory.ts";
import { openSharedObject } from "../../../ffi/shared_object.ts";
import { type CMemory, openCMemory } from "../../../ffi/verbs/c_memory.ts";
import type {
  CompletionQueue,
  Context,
  MemoryWindow,
  ProtectionDomain,
  QueuePair,
} from "../../../ffi/verbs/handles.ts";
import {
  INLINE_NAMES,
  type InlineVerbs,
  openInlineVerbs,
} from "../../../ffi/verbs/inline_verbs.ts";
import { CONTEXT } from "../../../ffi/verbs/layout.ts";

/** The code of the functions, at most 16 bytes each. Their results show a test each argument. */
const FAKE_VERBS = {
  /** `*bad = wr; return 7;` */
  post_send: [0x48, 0x89, 0x32, 0xb8, 7, 0, 0, 0, 0xc3], // mov [rdx], rsi; mov eax, 7; ret
  /** `*bad = wr; return 9;` */
  post_recv: [0x48, 0x89, 0x32, 0xb8, 9, 0, 0, 0, 0xc3], // mov [rdx], rsi; mov eax, 9; ret
  /** `*wc = cq; return n;` */
  poll_cq: [0x48, 0x89, 0x3a, 0x89, 0xf0, 0xc3], // mov [rdx], rdi; mov eax, esi; ret
  /** `return solicited + 100;` */
  req_notify_cq: [0x8d, 0x46, 100, 0xc3], // lea eax, [rsi + 100]; ret
  /** `return (void *) pd + type;` */
  alloc_mw: [0x48, 0x8d, 0x04, 0x37, 0xc3], // lea rax, [rdi + rsi]; ret
  /** `*bind = mw; return 0;` */
  bind_mw: [0x48, 0x89, 0x32, 0x31, 0xc0, 0xc3], // mov [rdx], rsi; xor eax, eax; ret
  /** `return 5;` */
  dealloc_mw: [0xb8, 5, 0, 0, 0, 0xc3], // mov eax, 5; ret
} as const;

/** `void *where(void) { return where; }`: lea rax, [rip - 7]; ret. The other functions follow, 16 bytes apart. */
const WHERE = [0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff, 0xc3];
/** The offset of the object in the memory. */
const OBJECT = 1024;
/** The offset of the part of the memory that a test may use, as long as the part before it. */
export const SCRATCH_OFFSET = 4096;

/** The context, its memory and the stubs that jump through it. */
export interface FakeContext {
  readonly memory: MappedMemory;
  readonly c: CMemory;
  readonly inline: InlineVerbs["symbols"];
  readonly context: Context;
  /** The words of the context, which a test may overwrite. */
  readonly words: BigUint64Array;
  readonly object: QueuePair & CompletionQueue & ProtectionDomain & MemoryWindow;
  readonly objectAddress: bigint;
  close(): void;
}

/** Opens a context. Works on x86-64 only. */
export function openFakeContext(libc: Libc): FakeContext {
  const code = { where: WHERE, ...FAKE_VERBS };
  const functions = Object.fromEntries(
    Object.entries(code).map(([name, bytes]) => [name, Uint8Array.from(bytes)]),
  );
  const object = openSharedObject(libc, "rfaas-fake", sharedObject(functions, "x86_64"), {
    where: { parameters: [], result: "u64" },
  });
  const fd = createSharedMemory(libc, "rfaas-fake", 2 * SCRATCH_OFFSET, {
    folder: "/dev/shm/rfaas-fake",
  });
  const memory = MappedMemory.map(libc, fd, 2 * SCRATCH_OFFSET);
  libc.c.close(fd);
  const words = new BigUint64Array(memory.buffer(0, CONTEXT.bytes));
  const names = Object.keys(functions);
  for (const name of INLINE_NAMES) {
    words[CONTEXT[name] / 8] = object.symbols.where() + BigInt(16 * names.indexOf(name));
  }
  words[CONTEXT.abi_compat / 8] = 0xffffffffffffffffn;
  new BigUint64Array(memory.buffer(OBJECT, 8))[0] = BigInt(memory.address);
  const inline = openInlineVerbs(libc);
  const c = openCMemory();
  const objectAddress = BigInt(memory.address + OBJECT);
  return {
    memory,
    c,
    inline: inline.symbols,
    context: c.pointerTo<Context>(BigInt(memory.address))!,
    words,
    object: c.pointerTo<FakeContext["object"]>(objectAddress)!,
    objectAddress,
    close: () => {
      inline.close();
      object.close();
      c.close();
      memory.close();
    },
  };
}
