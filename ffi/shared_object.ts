/** Loading a shared object that was built in memory. */

import { cString, type Libc } from "./libc.ts";

const MFD_CLOEXEC = 1;

/** A loaded shared object. */
export interface SharedObject<S extends Deno.ForeignLibraryInterface> {
  /** Its functions, by name. */
  readonly symbols: Deno.DynamicLibrary<S>["symbols"];
  /** Unloads it, then closes its file. */
  close(): void;
}

/**
 * Loads `bytes` as a shared library, from a memfd or, where that is forbidden (noexec), from a temporary file.
 *
 * glibc identifies a library by its path, so the descriptor stays open while the library is loaded: otherwise a second
 * file at the same `/proc/self/fd/N` would load the first library.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 * @throws {Error} when the temporary file cannot be written or loaded.
 */
export function openSharedObject<S extends Deno.ForeignLibraryInterface>(
  libc: Libc,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
  symbols: S,
): SharedObject<S> {
  const fd = libc.c.memfd_create(cString(name), MFD_CLOEXEC);
  if (fd >= 0) {
    try {
      const written = libc.c.write(fd, bytes, BigInt(bytes.length));
      if (written !== BigInt(bytes.length)) throw libc.fail(`write ${name} into memory`);
      const library = Deno.dlopen(`/proc/self/fd/${fd}`, symbols);
      return {
        symbols: library.symbols,
        close: () => {
          library.close();
          libc.c.close(fd);
        },
      };
    } catch (error) {
      libc.c.close(fd);
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
  return openFromFile(name, bytes, symbols);
}

function openFromFile<S extends Deno.ForeignLibraryInterface>(
  name: string,
  bytes: Uint8Array,
  symbols: S,
): SharedObject<S> {
  const folder = Deno.makeTempDirSync({ prefix: `${name}-` });
  try {
    const path = `${folder}/${name}.so`;
    Deno.writeFileSync(path, bytes, { mode: 0o700, createNew: true });
    const library = Deno.dlopen(path, symbols);
    return { symbols: library.symbols, close: () => library.close() };
  } finally {
    Deno.removeSync(folder, { recursive: true }); // the loaded library does not need the file
  }
}
