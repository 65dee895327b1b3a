/** The two arenas of a connection, from one end: its own without limits, the peer's as far as it has regions. */

import { atomicsAdd, atomicsCompareExchange, ByteView, setBytes } from "../../ffi/intrinsics.ts";
import { FabricError } from "../errors.ts";
import { Access } from "../fabric.ts";
import { Status } from "../status.ts";
import type { EndMemory } from "./memory.ts";
import { RemoteRegions } from "./regions.ts";

/** Copies between the arenas. Callers have checked the local range; a wrong remote range returns a {@linkcode Status}. */
export class Arenas {
  readonly #theirs: EndMemory;
  readonly #lent: RemoteRegions;
  // The buffers are kept beside their views: `view.buffer` is a getter that foreign code may replace.
  readonly #arena: ArrayBuffer;
  readonly #remoteArena: ArrayBuffer;
  readonly #bytes: Uint8Array;
  readonly #remoteBytes: Uint8Array;
  readonly #words64: BigInt64Array;
  readonly #remoteWords64: BigInt64Array;

  constructor(mine: EndMemory, theirs: EndMemory, theirControl: ArrayBuffer) {
    this.#theirs = theirs;
    this.#lent = new RemoteRegions(theirControl, theirs.arenaBytes);
    this.#arena = mine.arena.buffer(0, mine.arena.length);
    this.#remoteArena = theirs.arena.buffer(0, theirs.arena.length);
    this.#bytes = new Uint8Array(this.#arena);
    this.#remoteBytes = new Uint8Array(this.#remoteArena);
    this.#words64 = new BigInt64Array(this.#arena);
    this.#remoteWords64 = new BigInt64Array(this.#remoteArena);
  }

  /**
   * The peer's range itself.
   *
   * @throws {FabricError} code `range` when the key, range or right is wrong.
   */
  peerBuffer(remoteAddress: number, length: number, rkey: number): ArrayBuffer {
    const whole = Number.isSafeInteger(remoteAddress) && Number.isSafeInteger(length) &&
      length >= 0;
    if (!whole || !this.#lent.allows(rkey, remoteAddress, length, Access.REMOTE_WRITE)) {
      throw new FabricError(
        `Cannot share ${length} bytes at ${remoteAddress}: the peer has no such region under this key`,
        "range",
      );
    }
    return this.#theirs.arena.buffer(remoteAddress, length);
  }

  /** Copies a message into the receive that the peer posted, which may lie outside its arena. */
  deliver(offset: number, length: number, receiveOffset: number): number {
    if (!(receiveOffset >= 0 && receiveOffset + length <= this.#theirs.arenaBytes)) {
      return Status.REM_OP_ERR;
    }
    setBytes(this.#remoteBytes, new ByteView(this.#arena, offset, length), receiveOffset);
    return Status.SUCCESS;
  }

  write(offset: number, length: number, remoteAddress: number, rkey: number): number {
    if (length === 0) return Status.SUCCESS;
    if (!this.#lent.allows(rkey, remoteAddress, length, Access.REMOTE_WRITE)) {
      return Status.REM_ACCESS_ERR;
    }
    setBytes(this.#remoteBytes, new ByteView(this.#arena, offset, length), remoteAddress);
    return Status.SUCCESS;
  }

  read(offset: number, length: number, remoteAddress: number, rkey: number): number {
    if (length === 0) return Status.SUCCESS;
    if (!this.#lent.allows(rkey, remoteAddress, length, Access.REMOTE_READ)) {
      return Status.REM_ACCESS_ERR;
    }
    setBytes(this.#bytes, new ByteView(this.#remoteArena, remoteAddress, length), offset);
    return Status.SUCCESS;
  }

  fetchAndAdd(offset: number, remoteAddress: number, rkey: number, add: bigint): number {
    const status = this.#mayUpdate(remoteAddress, rkey);
    if (status === Status.SUCCESS) {
      this.#words64[offset / 8] = atomicsAdd(this.#remoteWords64, remoteAddress / 8, add);
    }
    return status;
  }

  compareAndSwap(
    offset: number,
    remoteAddress: number,
    rkey: number,
    compare: bigint,
    swap: bigint,
  ): number {
    const status = this.#mayUpdate(remoteAddress, rkey);
    if (status === Status.SUCCESS) {
      const at = remoteAddress / 8;
      this.#words64[offset / 8] = atomicsCompareExchange(this.#remoteWords64, at, compare, swap);
    }
    return status;
  }

  #mayUpdate(remoteAddress: number, rkey: number): number {
    return this.#lent.allows(rkey, remoteAddress, 8, Access.REMOTE_ATOMIC)
      ? Status.SUCCESS
      : Status.REM_ACCESS_ERR;
  }
}
