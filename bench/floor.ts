/**
 * The floor that calls are measured against: two processes that pass 64 bytes each way and one word by Atomics, with
 * no call and no yield. Nothing that passes messages between two Deno processes can be faster.
 *
 * @module
 */
import { openCpu } from "../ffi/cpu.ts";
import { type Libc, openLibc } from "../ffi/libc.ts";
import { MappedMemory } from "../ffi/mapped_memory.ts";
import { createSharedMemory } from "../ffi/shared_memory.ts";
import { calibrateCycles } from "./cycles.ts";
import { FLOOR_BYTES, PAYLOAD_BYTES, PING_PAYLOAD, PING_WORD, PONG_WORD } from "./floor_words.ts";

/** Rounds that are passed before those that count. */
const WAKING_ROUNDS = 1000;

/** The two processes; the other one sleeps between measurements. */
export class Floor implements AsyncDisposable {
  readonly #libc: Libc;
  readonly #memory: MappedMemory;
  readonly #peer: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: ReadableStreamDefaultReader<Uint8Array>;
  readonly #cycles: () => number;
  readonly #waking = new Float64Array(WAKING_ROUNDS);
  #round = 0;

  private constructor(
    libc: Libc,
    memory: MappedMemory,
    peer: Deno.ChildProcess,
    cycles: () => number,
  ) {
    this.#libc = libc;
    this.#memory = memory;
    this.#peer = peer;
    this.#stdin = peer.stdin.getWriter();
    this.#stdout = peer.stdout.getReader();
    this.#cycles = cycles;
  }

  /** @param cycles the cycle counter; the same one that the calls beside it are timed by. */
  static async open(cycles: () => number): Promise<Floor> {
    const libc = openLibc();
    const fd = createSharedMemory(libc, "rfaas-floor", FLOOR_BYTES, {
      folder: `/dev/shm/rfaas-floor-${Deno.pid}`,
    });
    const memory = MappedMemory.map(libc, fd, FLOOR_BYTES);
    const peer = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--quiet",
        new URL("./floor_peer.ts", import.meta.url).href,
        String(Deno.pid),
        String(fd),
      ],
      detached: true, // a Ctrl-C in the terminal is for this process, which waits for the other one's answer
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const floor = new Floor(libc, memory, peer, cycles);
    const { done } = await floor.#stdout.read();
    libc.c.close(fd);
    if (!done) return floor;
    await floor.close();
    throw new Error("Cannot measure the floor: the other process has ended");
  }

  /**
   * Measures; blocks the thread meanwhile. The first rounds wait for the other process to wake, so that many are
   * passed before and not counted.
   *
   * @param times receives the cycles of each round.
   */
  async measure(times: Float64Array): Promise<void> {
    const first = this.#round + 1;
    const last = this.#round + WAKING_ROUNDS + times.length;
    const words = new Int32Array(this.#memory.buffer(0, PING_PAYLOAD));
    const ping = new Uint8Array(this.#memory.buffer(PING_PAYLOAD, PAYLOAD_BYTES));
    const payload = new Uint8Array(PAYLOAD_BYTES).fill(7);
    await this.#stdin.write(new TextEncoder().encode(`${first} ${last}`));
    pass(words, ping, payload, first, this.#cycles, this.#waking);
    pass(words, ping, payload, first + WAKING_ROUNDS, this.#cycles, times);
    this.#round = last;
  }

  /** Ends the other process. */
  async close(): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#stdout.cancel().catch(() => {});
    await this.#peer.status;
    this.#memory.close();
    this.#libc.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** The measured loop. One reading of the counter a round: its end is the next one's beginning. */
function pass(
  words: Int32Array,
  ping: Uint8Array,
  payload: Uint8Array,
  first: number,
  cycles: () => number,
  times: Float64Array,
): void {
  let before = cycles();
  for (let i = 0; i < times.length; i++) {
    ping.set(payload);
    Atomics.store(words, PING_WORD, first + i);
    while (Atomics.load(words, PONG_WORD) !== first + i);
    const now = cycles();
    times[i] = now - before;
    before = now;
  }
}

/** Passes bytes so many times after a warm-up; gives microseconds a round. */
export async function measureFloor(rounds: number): Promise<Float64Array> {
  const libc = openLibc();
  const cpu = openCpu(libc);
  try {
    await using floor = await Floor.open(cpu.cycles);
    await floor.measure(new Float64Array(20_000));
    const times = new Float64Array(rounds);
    await floor.measure(times);
    const perUs = calibrateCycles(cpu.cycles);
    return times.map((cycles) => cycles / perUs);
  } finally {
    cpu.close();
    libc.close();
  }
}
