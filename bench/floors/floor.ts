/**
 * The floor, to which calls are compared: two processes that copy bytes in each direction and exchange one word by
 * Atomics, without a call and without a yield. No message between two Deno processes can be faster.
 *
 * @module
 */
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import { Child } from "../child.ts";
import {
  EACH_WAY,
  floorBytes,
  PAYLOAD_BYTES,
  PEER_TIMEOUT_MS,
  PING_PAYLOAD,
  PING_WORD,
  POLLS_PER_CLOCK,
  PONG_WORD,
  pongPayload,
  type RoundCopies,
} from "./floor_words.ts";

/** Rounds before the measured ones, in which the other process wakes. Fewer for large payloads. */
function wakingRounds(bytes: number): number {
  return Math.max(2, Math.min(1000, Math.floor(64_000 / bytes)));
}

/** The two processes. The other one sleeps between measurements. */
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
   * @param cycles The cycle counter that also times the calls.
   * @param maxBytes The largest payload.
   */
  static async open(cycles: () => number, maxBytes: number = PAYLOAD_BYTES): Promise<Floor> {
    const libc = openLibc();
    const length = floorBytes(maxBytes);
    const fd = createSharedMemory(libc, "rfaas-floor", length, {
      folder: `/dev/shm/rfaas-floor-${Deno.pid}`,
    });
    const memory = MappedMemory.map(libc, fd, length);
    try {
      const peer = await Child.deno(
        new URL("./floor_peer.ts", import.meta.url),
        `${Deno.pid}`,
        `${fd}`,
        `${length}`,
      );
      return new Floor(libc, memory, peer, cycles);
    } catch (error) {
      memory.close();
      throw error;
    } finally {
      libc.c.close(fd);
    }
  }

  /**
   * Measures rounds, and blocks the thread until they are done. Rounds in which the other process wakes come first and
   * do not count.
   *
   * @param times Receives the cycles of each round.
   * @param copies The copies of a round.
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
    await this.#peer.send(`${first} ${last} ${length} ${copies.echoes ? 1 : 0}`);
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

/** The memory of a round: shared, and of the measuring process. */
interface Ends {
  readonly words: Int32Array;
  readonly ping: Uint8Array;
  readonly pong: Uint8Array;
  readonly payload: Uint8Array;
  readonly result: Uint8Array;
}

/** The measured loop. It reads the counter once per round: the end of one round is the start of the next. */
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
    for (let polls = 1; Atomics.load(words, PONG_WORD) !== first + i; polls++) {
      if (polls % POLLS_PER_CLOCK !== 0) continue;
      if (sinceMs === 0) sinceMs = performance.now();
      else if (performance.now() - sinceMs > PEER_TIMEOUT_MS) {
        throw new Error("Cannot measure the floor: no response from the other process");
      }
    }
    if (reads) result.set(pong);
    const now = cycles();
    times[i] = now - before;
    before = now;
  }
}
