/** Reads the binary format of WebAssembly modules. Source: WebAssembly core specification 3.0, 5.2 and 5.5. */

const HEADER_BYTES = 8;

/** Past the end it reads zeros, which the callers' checks of lengths find. */
export class WasmReader {
  at = HEADER_BYTES;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  byte(): number {
    return this.#bytes[this.at++] ?? 0;
  }

  /** An unsigned number, seven bits a byte, low ones first. @param bits 32 or 64; beyond 2^53 it is rounded. */
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
