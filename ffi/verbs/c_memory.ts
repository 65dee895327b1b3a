/**
 * Reading what a library points at.
 *
 * Through the C library and not through Deno.UnsafePointerView: a worker that gave `--allow-ffi` up may go on
 * calling symbols that it has, and must still be able to read the events of its connection.
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
  /** memmove gives its first argument back: a number goes in, a pointer comes out, nothing is moved. */
  toPointer: {
    name: "memmove",
    parameters: [
      "u64", // void *to
      "u64", // const void *from
      "usize", // size_t count
    ],
    result: "pointer",
  },
  /** The same the other way round. */
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

/** Memory that belongs to a C library. What is read must be there: nothing checks it. */
export interface CMemory {
  /** A copy of `length` bytes. */
  bytesAt(pointer: Deno.PointerObject, length: number): Uint8Array<ArrayBuffer>;
  /** The pointer whose value is `address`; null for 0. The caller knows what lies there. */
  pointerTo<T extends Deno.PointerObject>(address: bigint): T | null;
  /** The address that a pointer has. */
  addressOf(pointer: Deno.PointerObject): bigint;
  /** A C string; "" for null. */
  textAt(pointer: Deno.PointerValue): string;
  /** Gives the library back. */
  close(): void;
}

/** Opens the reader for the calling thread. */
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
