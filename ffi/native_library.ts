/**
 * A shared library from memory, and calls of its functions on the addresses of slots.
 *
 * Deno could open it and would give a JavaScript function for each symbol; but a place that calls several of those in
 * turn is no fast call any more. So one stub of our own takes the function's address beside its arguments: one place,
 * one symbol, however many functions there are.
 */

import { type Arch, sharedObject } from "./elf.ts";
import { cString, type Libc } from "./libc.ts";
import { openSharedObject } from "./shared_object.ts";

/** Calls function `called` on slot `slot`, whose argument has `bytes` bytes; gives what it returns. */
export type NativeCall = (called: number, slot: number, bytes: number) => number;

/** Where a slot's argument and result lie. */
export interface NativeSlot {
  readonly inputBuffer: ArrayBuffer;
  readonly outputBuffer: ArrayBuffer;
}

const MFD_CLOEXEC = 1;
/** All symbols are found now, or it is not loaded: a missing one would end the process at its first call. */
const RTLD_NOW = 2;

/** `call(function, in, size, out)`: the last three move up by one register, then it jumps to the first. */
const CALL_CODE: Record<Arch, Uint8Array> = {
  x86_64: Uint8Array.of(
    ...[0x48, 0x89, 0xf8], // mov rax, rdi
    ...[0x48, 0x89, 0xf7], // mov rdi, rsi
    ...[0x89, 0xd6], // mov esi, edx
    ...[0x48, 0x89, 0xca], // mov rdx, rcx
    ...[0xff, 0xe0], // jmp rax
  ),
  aarch64: Uint8Array.of(
    ...[0xf0, 0x03, 0x00, 0xaa], // mov x16, x0
    ...[0xe0, 0x03, 0x01, 0xaa], // mov x0, x1
    ...[0xe1, 0x03, 0x02, 0x2a], // mov w1, w2
    ...[0xe2, 0x03, 0x03, 0xaa], // mov x2, x3
    ...[0x00, 0x02, 0x1f, 0xd6], // br x16
  ),
};

const CALL_SYMBOLS = {
  call: {
    parameters: [
      "pointer", // uint32_t (*function)(void *, uint32_t, void *)
      "pointer", // void *in
      "u32", // uint32_t size
      "pointer", // void *out
    ],
    result: "u32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Part of libc.so.6 since glibc 2.34; there this name is kept as well. */
const LINKER = "libdl.so.2";
const LINKER_SYMBOLS = {
  dlopen: {
    parameters: [
      "buffer", // const char *path
      "i32", // int flags
    ],
    result: "pointer", // void *, null for failure
  },
  dlsym: {
    parameters: [
      "pointer", // void *handle
      "buffer", // const char *symbol
    ],
    result: "pointer",
  },
  dlclose: {
    parameters: [
      "pointer", // void *handle
    ],
    result: "i32",
  },
  dlerror: { parameters: [], result: "pointer" }, // char *
} as const satisfies Deno.ForeignLibraryInterface;

/** A library that has been loaded. */
export interface NativeLibrary {
  readonly call: NativeCall;
  /** Runs its destructors and gives it back; `call` must not be used afterwards. */
  close(): void;
}

/**
 * Loads a library into this process: its constructors run, and its code may do whatever the process may.
 *
 * @param names what {@linkcode NativeCall} counts as 0, 1 and so on.
 * @param slots the buffers must stay where they are: memory that is mapped.
 * @throws {TypeError} with what the dynamic linker says.
 */
export function openNativeLibrary(
  libc: Libc,
  library: Uint8Array<ArrayBuffer>,
  names: readonly string[],
  slots: readonly NativeSlot[],
): NativeLibrary {
  using opening = new DisposableStack();
  const linker = opening.adopt(Deno.dlopen(LINKER, LINKER_SYMBOLS), (opened) => opened.close());
  const { dlopen, dlsym, dlclose, dlerror } = linker.symbols;
  const said = () => {
    const text = dlerror();
    return text === null ? "unknown failure" : Deno.UnsafePointerView.getCString(text);
  };
  // The descriptor stays open: glibc knows a library by its path, and a second file under the same one would be this.
  const fd = libc.c.memfd_create(cString("rfaas-native"), MFD_CLOEXEC);
  if (fd < 0) throw libc.fail("keep the library in memory");
  opening.defer(() => libc.c.close(fd));
  if (libc.c.write(fd, library, BigInt(library.length)) !== BigInt(library.length)) {
    throw libc.fail("write the library into memory");
  }
  const handle = dlopen(cString(`/proc/self/fd/${fd}`), RTLD_NOW);
  if (handle === null) throw new TypeError(`Cannot load the library: ${said()}`);
  opening.defer(() => dlclose(handle));
  const functions = names.map((name) => {
    const address = dlsym(handle, cString(name));
    if (address === null) throw new TypeError(`Cannot find ${name} in the library: ${said()}`);
    return address;
  });
  const inputs = slots.map(({ inputBuffer }) => Deno.UnsafePointer.of(inputBuffer));
  const outputs = slots.map(({ outputBuffer }) => Deno.UnsafePointer.of(outputBuffer));
  const arch = Deno.build.arch as Arch;
  const stub = sharedObject({ call: CALL_CODE[arch] }, arch);
  const stubs = openSharedObject(libc, "rfaas-call", stub, CALL_SYMBOLS);
  opening.defer(() => stubs.close());
  const { call } = stubs.symbols;
  const opened = opening.move();
  return {
    call: (called, slot, bytes) => call(functions[called]!, inputs[slot]!, bytes, outputs[slot]!),
    close: () => opened.dispose(),
  };
}
