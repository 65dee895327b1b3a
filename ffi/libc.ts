/** The C library, opened in a thread. */

import { errnoError } from "./errno.ts";
import { FUNCTIONS } from "./libc_functions.ts";

/** Keeps which descriptors and mappings a thread has. */
export interface Holdings {
  socket(fd: number): void;
  eventfd(fd: number): void;
  mapping(address: number, length: number): void;
  /** A descriptor is about to be closed. */
  forget(fd: number): void;
  /** A mapping is about to be removed. */
  forgetMapping(address: number): void;
}

/** The C library, opened in this thread. */
export interface Libc {
  /** The functions by their C names. They report failures as in C; see {@linkcode Libc.fail}. */
  readonly c: Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];
  /** What is released when the thread ends, if it may end while its process goes on. */
  readonly holdings?: Holdings | undefined;
  /** The error number of this thread's last failed synchronous call. */
  errno(): number;
  /** Makes the error of the last failed call: `Cannot <what>: <text> (ENAME)`. */
  fail(what: string): Error;
  /** Closes the library. */
  close(): void;
}

/** The library as this thread has it open. */
interface Opened {
  readonly library: Deno.DynamicLibrary<typeof FUNCTIONS>;
  readonly errno: Int32Array;
  /** How many have opened and not closed it. */
  users: number;
}

let opened: Opened | undefined;

/**
 * Opens the C library for the calling thread. All that have it open there share it, since to bind its functions takes 6
 * to 10 ms, a tenth of the start of an executor.
 *
 * Each thread opens its own, because each has its own `errno`.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openLibc(holdings?: Holdings): Libc {
  const mine = opened ??= bind();
  mine.users++;
  let isOpen = true;
  return {
    c: mine.library.symbols,
    holdings,
    errno: () => mine.errno[0]!,
    fail: (what) => errnoError(what, mine.errno[0]!),
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      if (--mine.users > 0) return;
      opened = undefined;
      mine.library.close();
    },
  };
}

function bind(): Opened {
  const library = Deno.dlopen("libc.so.6", FUNCTIONS);
  const location = library.symbols.__errno_location()!;
  const errno = new Int32Array(new Deno.UnsafePointerView(location).getArrayBuffer(4));
  return { library, errno, users: 0 };
}

/**
 * A C string: UTF-8, ended by a zero byte.
 *
 * @throws {TypeError} when the text has a zero byte.
 */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) {
    throw new TypeError(`Cannot pass ${JSON.stringify(text)} to C: it has a zero byte`);
  }
  return new TextEncoder().encode(text + "\0");
}
