/** Reads the binary format of WebAssembly modules. Source: WebAssembly core specification 3.0, 5.2 and 5.5. */

const HEADER_BYTES = 8;

/** Reads numbers one after the other. Past the end it returns zeros, which the callers' checks of lengths detect. */
export class WasmReader {
  at = HEADER_BYTES;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Reads one byte. */
  byte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  /**
   * Reads an unsigned LEB128 number: seven bits a byte, the lowest first.
   *
   * @param bits the width of the number; one beyond 2^53 is rounded.
   */
  leb(bits: 32 | 64 = 32): number {
    let value = 0;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  }
}
