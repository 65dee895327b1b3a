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

type Functions = Deno.DynamicLibrary<typeof FUNCTIONS>["symbols"];
type FunctionName = keyof typeof FUNCTIONS;

/** The C library, opened in this thread. */
export interface Libc {
  /**
   * The functions by their C names, each bound when it is first read. They report failures as in C; see
   * {@linkcode Libc.fail}.
   */
  readonly c: Functions;
  /** What is released when the thread ends, if it may end while its process goes on. */
  readonly holdings?: Holdings | undefined;
  /** The error number of this thread's last failed synchronous call. */
  errno(): number;
  /** Makes the error of the last failed call: `Cannot <what>: <text> (ENAME)`. */
  fail(what: string): Error;
  /** Binds all functions: a thread that gives up the right to FFI can bind none afterwards. */
  bindAll(): void;
  /** Closes the library. */
  close(): void;
}

/** The library as this thread has it open. */
interface Opened {
  readonly bindings: Bindings;
  readonly errno: Int32Array;
  /** How many have opened and not closed it. */
  users: number;
}

let opened: Opened | undefined;

/**
 * Opens the C library for the calling thread. All that have it open there share it.
 *
 * Each thread opens its own, because each has its own `errno`.
 *
 * @param binding `lazy` if the thread has not opened it: a function is bound when it is first read, since no thread uses
 * all of them, and to bind all takes 6 to 10 ms of a start.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openLibc(holdings?: Holdings, binding: "all" | "lazy" = "all"): Libc {
  const mine = opened ??= open(binding);
  mine.users++;
  let isOpen = true;
  return {
    c: mine.bindings.functions,
    holdings,
    errno: () => mine.errno[0]!,
    fail: (what) => errnoError(what, mine.errno[0]!),
    bindAll: () => mine.bindings.bindAll(),
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      if (--mine.users > 0) return;
      opened = undefined;
      mine.bindings.close();
    },
  };
}

function open(binding: "all" | "lazy"): Opened {
  const bindings = new Bindings();
  if (binding === "all") bindings.bindAll();
  const location = new Deno.UnsafePointerView(bindings.functions.__errno_location()!);
  return { bindings, errno: new Int32Array(location.getArrayBuffer(4)), users: 0 };
}

/** The functions that are bound. Deno compiles a stub for each of them, in 0.1 to 0.2 ms. */
class Bindings {
  /** Those that are bound shadow getters. An object without accessors of its own stays fast to read. */
  readonly functions: Functions;
  readonly #unbound = new Set(Object.keys(FUNCTIONS) as FunctionName[]);
  readonly #libraries: { close(): void }[] = [];

  constructor() {
    const getters = {};
    for (const name of this.#unbound) {
      Object.defineProperty(getters, name, { get: () => this.#bind([name])[name] });
    }
    this.functions = Object.create(getters);
  }

  bindAll(): void {
    if (this.#unbound.size > 0) this.#bind([...this.#unbound]);
  }

  close(): void {
    for (const library of this.#libraries) library.close();
  }

  #bind(names: readonly FunctionName[]): Functions {
    const symbols = Object.fromEntries(names.map((name) => [name, FUNCTIONS[name]]));
    const library = Deno.dlopen("libc.so.6", symbols as Partial<typeof FUNCTIONS>);
    this.#libraries.push(library);
    for (const name of names) {
      const value = Reflect.get(library.symbols, name);
      Object.defineProperty(this.functions, name, { value, enumerable: true });
      this.#unbound.delete(name);
    }
    return this.functions;
  }
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
