/** The table of regions in a control block: the owner fills it, the peer is checked against it. */

import { FabricError } from "../errors.ts";
import type { MemoryRegion } from "../fabric.ts";
import {
  MAX_REGIONS,
  REGION_ACCESS,
  REGION_ADDRESS_F64,
  REGION_LENGTH_F64,
  REGION_RKEY,
  REGION_WORDS,
  REGIONS,
} from "./layout.ts";
import { atomicsLoad, atomicsStore } from "../../ffi/intrinsics.ts";

/** The region's place in the table is in the low bits of its rkey; the rest is random. */
const INDEX_MASK = MAX_REGIONS - 1;

/** The owner's side. */
export class RegionTable {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #arenaBytes: number;

  constructor(control: ArrayBuffer, arenaBytes: number) {
    this.#words = new Int32Array(control);
    this.#floats = new Float64Array(control, 0, control.byteLength >>> 3);
    this.#arenaBytes = arenaBytes;
  }

  register(offset: number, length: number, access: number): MemoryRegion {
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 1 ||
      offset + length > this.#arenaBytes
    ) {
      throw new FabricError(
        `Cannot register memory: ${length} bytes from ${offset} are not inside the arena of ${this.#arenaBytes}`,
        "range",
      );
    }
    let index = 0;
    while (index < MAX_REGIONS && this.#words[REGIONS + index * REGION_WORDS] !== 0) index++;
    if (index === MAX_REGIONS) {
      throw new FabricError(
        `Cannot register memory: the arena has ${MAX_REGIONS} regions already`,
        "full",
      );
    }
    const at = REGIONS + index * REGION_WORDS;
    // A key that guesses find in 2^26 tries, and that an old holder does not meet again by chance.
    const rkey =
      ((crypto.getRandomValues(new Int32Array(1))[0]! & ~INDEX_MASK) | 0x40000000 | index) >>> 0;
    this.#words[at + REGION_ACCESS] = access;
    this.#floats[at / 2 + REGION_ADDRESS_F64] = offset; // an address in shm is an offset in the owner's arena
    this.#floats[at / 2 + REGION_LENGTH_F64] = length;
    atomicsStore(this.#words, at + REGION_RKEY, rkey | 0);
    const words = this.#words;
    return {
      offset,
      length,
      address: offset,
      rkey,
      deregister() {
        if (words.length > 0 && words[at + REGION_RKEY] === (rkey | 0)) {
          atomicsStore(words, at + REGION_RKEY, 0);
        }
      },
    };
  }
}

/** The peer's side: may this request touch that range? */
export class RemoteRegions {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #arenaBytes: number;

  constructor(control: ArrayBuffer, arenaBytes: number) {
    this.#words = new Int32Array(control);
    this.#floats = new Float64Array(control, 0, control.byteLength >>> 3);
    this.#arenaBytes = arenaBytes;
  }

  allows(rkey: number, address: number, length: number, access: number): boolean {
    const at = REGIONS + (rkey & INDEX_MASK) * REGION_WORDS;
    if ((rkey | 0) === 0 || atomicsLoad(this.#words, at + REGION_RKEY) !== (rkey | 0)) return false;
    if ((this.#words[at + REGION_ACCESS]! & access) !== access) return false;
    const begin = this.#floats[at / 2 + REGION_ADDRESS_F64]!;
    const end = begin + this.#floats[at / 2 + REGION_LENGTH_F64]!;
    // The table lies in the peer's hands; what is mapped here is the last word.
    return address >= begin && address + length <= end && address >= 0 &&
      address + length <= this.#arenaBytes;
  }
}
