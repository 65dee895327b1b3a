/**
 * The other process of the floor measurement: answers so many rounds as it is told on standard input, and sleeps
 * there in between.
 *
 * Arguments: the process that holds the memory, and the descriptor's number there.
 *
 * @module
 */
import { cString, openLibc } from "../ffi/libc.ts";
import { MappedMemory } from "../ffi/mapped_memory.ts";
import {
  FLOOR_BYTES,
  PAYLOAD_BYTES,
  PING_PAYLOAD,
  PING_WORD,
  PONG_PAYLOAD,
  PONG_WORD,
} from "./floor_words.ts";

const O_RDWR_CLOEXEC = 0o2 | 0o2000000;

/** Answers rounds `first` to `last`: takes 64 bytes, sends them back. */
function answer(
  words: Int32Array,
  ping: Uint8Array,
  pong: Uint8Array,
  first: number,
  last: number,
): void {
  for (let round = first; round <= last; round++) {
    while (Atomics.load(words, PING_WORD) !== round);
    pong.set(ping);
    Atomics.store(words, PONG_WORD, round);
  }
}

if (import.meta.main) {
  const [pid, fd] = Deno.args;
  const libc = openLibc();
  const own = libc.c.open(cString(`/proc/${pid}/fd/${fd}`), O_RDWR_CLOEXEC, 0);
  if (own < 0) throw libc.fail(`open the memory of process ${pid}`);
  using memory = MappedMemory.map(libc, own, FLOOR_BYTES);
  const words = new Int32Array(memory.buffer(0, PING_PAYLOAD));
  const ping = new Uint8Array(memory.buffer(PING_PAYLOAD, PAYLOAD_BYTES));
  const pong = new Uint8Array(memory.buffer(PONG_PAYLOAD, PAYLOAD_BYTES));
  console.log("ready");
  const line = new Uint8Array(64);
  for (let length = 0; (length = Deno.stdin.readSync(line) ?? 0) > 0;) {
    const [first, last] = new TextDecoder().decode(line.subarray(0, length)).split(" ").map(Number);
    answer(words, ping, pong, first!, last!);
  }
}
