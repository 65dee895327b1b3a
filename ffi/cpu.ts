/** The processor's cycle counter and pause hint, as functions that take a few nanoseconds. */

import { type Arch, sharedObject } from "./elf.ts";
import type { Libc } from "./libc.ts";
import { openSharedObject } from "./shared_object.ts";

/** Machine code by processor; the functions take no arguments. */
export const CPU_CODE: Record<Arch, { cycles: Uint8Array; pause: Uint8Array }> = {
  x86_64: {
    cycles: Uint8Array.of(
      ...[0x0f, 0x31], // rdtsc
      ...[0x48, 0xc1, 0xe2, 0x20], // shl rdx, 32
      ...[0x48, 0x09, 0xd0], // or rax, rdx
      ...[0xf2, 0x48, 0x0f, 0x2a, 0xc0], // cvtsi2sd xmm0, rax
      0xc3, // ret
    ),
    pause: Uint8Array.of(0xf3, 0x90, 0xc3), // pause; ret
  },
  aarch64: {
    cycles: Uint8Array.of(
      ...[0x40, 0xe0, 0x3b, 0xd5], // mrs x0, cntvct_el0
      ...[0x00, 0x00, 0x63, 0x9e], // ucvtf d0, x0
      ...[0xc0, 0x03, 0x5f, 0xd6], // ret
    ),
    pause: Uint8Array.of(0xdf, 0x3f, 0x03, 0xd5, 0xc0, 0x03, 0x5f, 0xd6), // isb; ret
  },
};

/** The functions, loaded in this thread. */
export interface Cpu {
  /** The cycle counter, exact to 2^53. Its rate differs between machines. */
  cycles(): number;
  /** Hints to the core that the thread spins. */
  pause(): void;
  /** Unloads the functions; they must not be called afterwards. */
  close(): void;
}

/**
 * Loads the functions for this processor.
 *
 * @throws {Error} as {@linkcode openSharedObject}.
 */
export function openCpu(libc: Libc): Cpu {
  const arch = Deno.build.arch as Arch;
  const object = openSharedObject(libc, "rfaas-cpu", sharedObject(CPU_CODE[arch], arch), {
    cycles: { parameters: [], result: "f64" },
    pause: { parameters: [], result: "void" },
  });
  return { cycles: object.symbols.cycles, pause: object.symbols.pause, close: object.close };
}
