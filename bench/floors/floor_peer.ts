/**
 * The other process of the floor. It reads the rounds to answer from standard input, where it sleeps between them. A line
 * has the first round, the last one, the bytes of each, and whether they are copied (1 or 0).
 *
 * Arguments: the process that owns the memory, the number of its descriptor there, the size of the memory in bytes.
 *
 * @module
 */
import { cString, openLibc } from "../../ffi/libc.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import {
  PEER_TIMEOUT_MS,
  PING_PAYLOAD,
  PING_WORD,
  POLLS_PER_CLOCK,
  PONG_WORD,
  pongPayload,
} from "./floor_words.ts";

const O_RDWR_CLOEXEC = 0o2 | 0o2000000;

/** Answers rounds `first` to `last`, and copies their bytes if `echoes` is set. */
function answer(
  words: Int32Array,
  ping: Uint8Array,
  pong: Uint8Array,
  first: number,
  last: number,
  echoes: boolean,
): void {
  for (let round = first; round <= last; round++) {
    let sinceMs = 0;
    for (let polls = 1; Atomics.load(words, PING_WORD) !== round; polls++) {
      if (polls % POLLS_PER_CLOCK !== 0) continue;
      if (sinceMs === 0) sinceMs = performance.now();
      else if (performance.now() - sinceMs > PEER_TIMEOUT_MS) Deno.exit(1); // the measuring process has ended
    }
    if (echoes) pong.set(ping);
    Atomics.store(words, PONG_WORD, round);
  }
}

if (import.meta.main) {
  const [pid, fd, length] = Deno.args;
  const libc = openLibc();
  const own = libc.c.open(cString(`/proc/${pid}/fd/${fd}`), O_RDWR_CLOEXEC, 0);
  if (own < 0) throw libc.fail(`open the memory of process ${pid}`);
  using memory = MappedMemory.map(libc, own, Number(length));
  const words = new Int32Array(memory.buffer(0, PING_PAYLOAD));
  console.log("ready");
  const line = new Uint8Array(64);
  for (let length = 0; (length = Deno.stdin.readSync(line) ?? 0) > 0;) {
    const numbers = new TextDecoder().decode(line.subarray(0, length)).split(" ").map(Number);
    const [first, last, bytes, echoes] = numbers as [number, number, number, number];
    const ping = new Uint8Array(memory.buffer(PING_PAYLOAD, bytes));
    const pong = new Uint8Array(memory.buffer(pongPayload(bytes), bytes));
    answer(words, ping, pong, first, last, echoes === 1);
  }
}
