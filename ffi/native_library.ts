/**
 * A shared library from memory, and calls of its functions on the addresses of slots.
 *
 * `Deno.dlopen` would make a JavaScript function per symbol, but a call site that calls several of them is not a fast
 * call. So one stub takes the function's address with its arguments: one call site and one symbol for all functions.
 */

import { type Arch, sharedObject } from "./elf.ts";
import { cString, type Libc } from "./libc.ts";
import { openSharedObject } from "./shared_object.ts";

/** Calls function number `called` on slot `slot`, whose argument has `bytes` bytes, and returns its result. */
export type NativeCall = (called: number, slot: number, bytes: number) => number;

/** The memory of a slot's argument and result. */
export interface NativeSlot {
  readonly inputBuffer: ArrayBuffer;
  readonly outputBuffer: ArrayBuffer;
}

const MFD_CLOEXEC = 1;
/** Resolves all symbols while loading: otherwise the first call of a missing one would end the process. */
const RTLD_NOW = 2;

/**
 * `call(function, in, size, out)`: moves the last three arguments to the registers of the first three and calls the function.
 *
 * x86-64 keeps all stores in order but the non-temporal ones (Intel SDM vol. 1, 10.4.6.2), and the reply is a plain store: a
 * function that ends without a fence would return its last result. On aarch64 the reply's store orders them, and the stub
 * jumps.
 */
const CALL_CODE: Record<Arch, Uint8Array> = {
  x86_64: Uint8Array.of(
    ...[0x48, 0x83, 0xec, 0x08], // sub rsp, 8
    ...[0x48, 0x89, 0xf8], // mov rax, rdi
    ...[0x48, 0x89, 0xf7], // mov rdi, rsi
    ...[0x89, 0xd6], // mov esi, edx
    ...[0x48, 0x89, 0xca], // mov rdx, rcx
    ...[0xff, 0xd0], // call rax
    ...[0x48, 0x83, 0xc4, 0x08], // add rsp, 8
    ...[0x0f, 0xae, 0xf8], // sfence
    ...[0xc3], // ret
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

/** Its functions are in libc.so.6 since glibc 2.34, which still has a library of this name. */
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

/** A loaded library. */
export interface NativeLibrary {
  /** Calls a function of the library. */
  readonly call: NativeCall;
  /** Runs its destructors and unloads it; `call` must not be used afterwards. */
  close(): void;
}

/**
 * Loads a library into this process. Its constructors run, and its code can do everything that the process may.
 *
 * @param names the functions, which {@linkcode NativeCall} numbers from 0.
 * @param slots their buffers must not move: they lie in mapped memory.
 * @throws {TypeError} with the dynamic linker's message, when it cannot load the library or find a function.
 * @throws {ErrnoError} when the kernel refuses the memory for the library.
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
  const linkerError = () => {
    const text = dlerror();
    return text === null ? "unknown failure" : Deno.UnsafePointerView.getCString(text);
  };
  // The descriptor stays open: glibc identifies a library by its path, so a second file at the same path would be this
  // one.
  const fd = libc.c.memfd_create(cString("rfaas-native"), MFD_CLOEXEC);
  if (fd < 0) throw libc.fail("keep the library in memory");
  opening.defer(() => libc.c.close(fd));
  if (libc.c.write(fd, library, BigInt(library.length)) !== BigInt(library.length)) {
    throw libc.fail("write the library into memory");
  }
  const handle = dlopen(cString(`/proc/self/fd/${fd}`), RTLD_NOW);
  if (handle === null) throw new TypeError(`Cannot load the library: ${linkerError()}`);
  opening.defer(() => dlclose(handle));
  const functions = names.map((name) => {
    const address = dlsym(handle, cString(name));
    if (address === null) {
      throw new TypeError(`Cannot find ${name} in the library: ${linkerError()}`);
    }
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
