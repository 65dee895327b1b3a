/**
 * A shared library as a function package, by the interface of rFaaS: `uint32_t f(void *in, uint32_t size, void *out)`.
 *
 * Functions work on the slots themselves. Their worker loads no foreign JavaScript. Native code is confined by the
 * operating system's sandbox around the process.
 */

import type { Arch } from "../../../ffi/elf.ts";
import { exportedFunctions } from "../../../ffi/elf_functions.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { type NativeSlot, openNativeLibrary } from "../../../ffi/native_library.ts";
import type { LoadedPackage } from "./load_package.ts";
import { checkEntries } from "./package_entries.ts";
import { IN_CALL } from "../watch_words.ts";

/**
 * Loads the library, which runs its constructors. The thread must still have the right to use FFI.
 *
 * @param watch the words of watch_words.ts, which hold the slot of the running call.
 * @throws {TypeError} when the library exports no function, or cannot be loaded.
 * @throws {RangeError} when it exports too many functions.
 */
export function openNativePackage(
  libc: Libc,
  library: Uint8Array<ArrayBuffer>,
  slots: readonly NativeSlot[],
  watch: Int32Array,
): LoadedPackage {
  const names = exportedFunctions(library, Deno.build.arch as Arch);
  if (names.length === 0) {
    throw new TypeError(
      'Cannot serve package: the library exports no function (in C++, declare them extern "C")',
    );
  }
  checkEntries(names);
  const { call } = openNativeLibrary(libc, library, names, slots);
  // IN_CALL holds the slot's index plus 1 while the function runs.
  const functions = names.map((_, i) => (input: Uint8Array) =>
    call(i, watch[IN_CALL]! - 1, input.length)
  );
  return { entries: names, functions };
}
