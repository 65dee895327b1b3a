/** The table of regions in a control block: the owner fills it, and the peer's requests are checked against it. */

import { FabricError } from "../errors.ts";
import type { MemoryRegion } from "../fabric.ts";
import {
  MAX_REGIONS,
  REGION_ACCESS,
  REGION_ADDRESS_F64,
  REGION_LENGTH_F64,
  REGION_RKEY,
  REGION_WORDS,
  REGIONS_INDEX,
} from "./layout.ts";
import { atomicsLoad, atomicsStore } from "../../ffi/intrinsics.ts";

/** The low bits of an rkey are the region's index in the table; the rest is random. */
const INDEX_MASK = MAX_REGIONS - 1;

/** The owner's side: registers and revokes. */
export class RegionTable {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #arenaBytes: number;

  constructor(control: ArrayBuffer, arenaBytes: number) {
    this.#words = new Int32Array(control);
    this.#floats = new Float64Array(control, 0, control.byteLength >>> 3);
    this.#arenaBytes = arenaBytes;
  }

  /**
   * Registers a range.
   *
   * @throws {FabricError} code `range`, or `full` when the table has no free entry.
   */
  register(offset: number, length: number, access: number): MemoryRegion {
    if (
      !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 1 ||
      offset + length > this.#arenaBytes
    ) {
      throw new FabricError(
        `Cannot register memory: ${length} bytes at ${offset} are not inside the arena of ${this.#arenaBytes}`,
        "range",
      );
    }
    let index = 0;
    while (index < MAX_REGIONS && this.#words[REGIONS_INDEX + index * REGION_WORDS] !== 0) index++;
    if (index === MAX_REGIONS) {
      throw new FabricError(
        `Cannot register memory: the arena has ${MAX_REGIONS} regions already`,
        "full",
      );
    }
    const at = REGIONS_INDEX + index * REGION_WORDS;
    // 26 random bits: guessing takes 2^26 tries, and a revoked key does not become valid again by chance.
    const rkey =
      ((crypto.getRandomValues(new Int32Array(1))[0]! & ~INDEX_MASK) | 0x40000000 | index) >>> 0;
    this.#words[at + REGION_ACCESS] = access;
    this.#floats[at / 2 + REGION_ADDRESS_F64] = offset; // in shm an address is an offset in the owner's arena
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

/** The peer's side: checks each request. */
export class RemoteRegions {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #arenaBytes: number;

  constructor(control: ArrayBuffer, arenaBytes: number) {
    this.#words = new Int32Array(control);
    this.#floats = new Float64Array(control, 0, control.byteLength >>> 3);
    this.#arenaBytes = arenaBytes;
  }

  /** Whether a request with this key and access may touch a range. */
  allows(rkey: number, address: number, length: number, access: number): boolean {
    const at = REGIONS_INDEX + (rkey & INDEX_MASK) * REGION_WORDS;
    if ((rkey | 0) === 0 || atomicsLoad(this.#words, at + REGION_RKEY) !== (rkey | 0)) return false;
    if ((this.#words[at + REGION_ACCESS]! & access) !== access) return false;
    const begin = this.#floats[at / 2 + REGION_ADDRESS_F64]!;
    const end = begin + this.#floats[at / 2 + REGION_LENGTH_F64]!;
    // The peer can change the table, so the range must also lie inside the mapping.
    return address >= begin && address + length <= end && address >= 0 &&
      address + length <= this.#arenaBytes;
  }
}
