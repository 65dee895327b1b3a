/**
 * Reading memory that a library points at.
 *
 * It uses the C library, not Deno.UnsafePointerView: a worker that has revoked `--allow-ffi` can still call the symbols
 * that it has, and must be able to read the events of its connection.
 */

const SYMBOLS = {
  memmove: {
    parameters: [
      "buffer", // void *to
      "pointer", // const void *from
      "usize", // size_t count
    ],
    result: "void",
  },
  /** memmove returns its first argument: this passes a number, returns a pointer, and moves nothing. */
  toPointer: {
    name: "memmove",
    parameters: [
      "u64", // void *to
      "u64", // const void *from
      "usize", // size_t count
    ],
    result: "pointer",
  },
  /** The reverse: passes a pointer and returns a number. */
  toAddress: {
    name: "memmove",
    parameters: [
      "pointer", // void *to
      "pointer", // const void *from
      "usize", // size_t count
    ],
    result: "u64",
  },
  strlen: {
    parameters: [
      "pointer", // const char *
    ],
    result: "usize",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** Reads memory that belongs to a C library. Addresses are not checked: a wrong one ends the process. */
export interface CMemory {
  /** A copy of `length` bytes. */
  bytesAt(pointer: Deno.PointerObject, length: number): Uint8Array<ArrayBuffer>;
  /** The pointer whose value is `address`; null for 0. The caller names the type of what is there. */
  pointerTo<T extends Deno.PointerObject>(address: bigint): T | null;
  /** The address of a pointer. */
  addressOf(pointer: Deno.PointerObject): bigint;
  /** A C string; "" for null. */
  textAt(pointer: Deno.PointerValue): string;
  /** Closes the library. */
  close(): void;
}

/**
 * Opens the reader for the calling thread.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openCMemory(): CMemory {
  const library = Deno.dlopen("libc.so.6", SYMBOLS);
  const { symbols } = library;
  const bytesAt = (pointer: Deno.PointerObject, length: number) => {
    const bytes = new Uint8Array(length);
    symbols.memmove(bytes, pointer, BigInt(length));
    return bytes;
  };
  return {
    bytesAt,
    pointerTo: <T extends Deno.PointerObject>(address: bigint) =>
      symbols.toPointer(address, address, 0n) as T | null,
    addressOf: (pointer) => symbols.toAddress(pointer, pointer, 0n),
    textAt: (pointer) =>
      pointer === null
        ? ""
        : new TextDecoder().decode(bytesAt(pointer, Number(symbols.strlen(pointer)))),
    close: () => library.close(),
  };
}
