/**
 * The floor that calls are measured against: two processes that pass bytes each way and one word by Atomics, with
 * no call and no yield. Nothing that passes messages between two Deno processes can be faster.
 *
 * @module
 */
import { type Libc, openLibc } from "../ffi/libc.ts";
import { MappedMemory } from "../ffi/mapped_memory.ts";
import { createSharedMemory } from "../ffi/shared_memory.ts";
import { Child } from "./child.ts";
import {
  EACH_WAY,
  floorBytes,
  LOOKS_PER_CLOCK,
  PATIENCE_MS,
  PAYLOAD_BYTES,
  PING_PAYLOAD,
  PING_WORD,
  PONG_WORD,
  pongPayload,
  type RoundCopies,
} from "./floor_words.ts";

/** Rounds that are passed before those that count, since the other process has to wake; fewer of large ones. */
function wakingRounds(bytes: number): number {
  return Math.max(2, Math.min(1000, Math.floor(64_000 / bytes)));
}

/** The two processes; the other one sleeps between measurements. */
export class Floor implements AsyncDisposable {
  readonly #libc: Libc;
  readonly #memory: MappedMemory;
  readonly #peer: Child;
  readonly #cycles: () => number;
  #round = 0;

  private constructor(libc: Libc, memory: MappedMemory, peer: Child, cycles: () => number) {
    this.#libc = libc;
    this.#memory = memory;
    this.#peer = peer;
    this.#cycles = cycles;
  }

  /**
   * @param cycles the cycle counter; the same one that the calls beside it are timed by.
   * @param maxBytes the largest payload that will be passed.
   */
  static async open(cycles: () => number, maxBytes: number = PAYLOAD_BYTES): Promise<Floor> {
    const libc = openLibc();
    const length = floorBytes(maxBytes);
    const fd = createSharedMemory(libc, "rfaas-floor", length, {
      folder: `/dev/shm/rfaas-floor-${Deno.pid}`,
    });
    const memory = MappedMemory.map(libc, fd, length);
    try {
      const peer = await Child.deno("floor_peer.ts", `${Deno.pid}`, `${fd}`, `${length}`);
      return new Floor(libc, memory, peer, cycles);
    } catch (error) {
      memory.close();
      throw error;
    } finally {
      libc.c.close(fd);
    }
  }

  /**
   * Measures; blocks the thread meanwhile. The first rounds wait for the other process to wake, so that many are
   * passed before and not counted.
   *
   * @param times receives the cycles of each round.
   * @param copies which copies a round has.
   */
  async measure(
    times: Float64Array,
    payload: Uint8Array = new Uint8Array(PAYLOAD_BYTES).fill(7),
    copies: RoundCopies = EACH_WAY,
  ): Promise<void> {
    const { length } = payload;
    const waking = wakingRounds(length);
    const first = this.#round + 1;
    const last = this.#round = this.#round + waking + times.length;
    const ends: Ends = {
      words: new Int32Array(this.#memory.buffer(0, PING_PAYLOAD)),
      ping: new Uint8Array(this.#memory.buffer(PING_PAYLOAD, length)),
      pong: new Uint8Array(this.#memory.buffer(pongPayload(length), length)),
      payload,
      result: new Uint8Array(length),
    };
    await this.#peer.tell(`${first} ${last} ${length} ${copies.echoes ? 1 : 0}`);
    pass(ends, copies, first, this.#cycles, new Float64Array(waking));
    pass(ends, copies, first + waking, this.#cycles, times);
  }

  /** Ends the other process. */
  async close(): Promise<void> {
    await this.#peer.close();
    this.#memory.close();
    this.#libc.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What a round touches: shared memory, and the measuring process's own. */
interface Ends {
  readonly words: Int32Array;
  readonly ping: Uint8Array;
  readonly pong: Uint8Array;
  readonly payload: Uint8Array;
  readonly result: Uint8Array;
}

/** The measured loop. One reading of the counter a round: its end is the next one's beginning. */
function pass(
  { words, ping, pong, payload, result }: Ends,
  { writes, reads }: RoundCopies,
  first: number,
  cycles: () => number,
  times: Float64Array,
): void {
  let before = cycles();
  for (let i = 0; i < times.length; i++) {
    if (writes) ping.set(payload);
    Atomics.store(words, PING_WORD, first + i);
    let sinceMs = 0;
    for (let looks = 1; Atomics.load(words, PONG_WORD) !== first + i; looks++) {
      if (looks % LOOKS_PER_CLOCK !== 0) continue;
      if (sinceMs === 0) sinceMs = performance.now();
      else if (performance.now() - sinceMs > PATIENCE_MS) {
        throw new Error("Cannot measure the floor: the other process does not answer");
      }
    }
    if (reads) result.set(pong);
    const now = cycles();
    times[i] = now - before;
    before = now;
  }
}
