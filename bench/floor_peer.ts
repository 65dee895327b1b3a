/**
 * The other process of the floor measurement: answers so many rounds as it is told on standard input, and sleeps
 * there in between. A line names the first round, the last one, the bytes of each, and whether they are copied (1 or 0).
 *
 * Arguments: the process that holds the memory, the descriptor's number there, the memory's bytes.
 *
 * @module
 */
import { cString, openLibc } from "../ffi/libc.ts";
import { MappedMemory } from "../ffi/mapped_memory.ts";
import {
  LOOKS_PER_CLOCK,
  PATIENCE_MS,
  PING_PAYLOAD,
  PING_WORD,
  PONG_WORD,
  pongPayload,
} from "./floor_words.ts";

const O_RDWR_CLOEXEC = 0o2 | 0o2000000;

/** Answers rounds `first` to `last`: takes the bytes, sends them back if it is to. */
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
    for (let looks = 1; Atomics.load(words, PING_WORD) !== round; looks++) {
      if (looks % LOOKS_PER_CLOCK !== 0) continue;
      if (sinceMs === 0) sinceMs = performance.now();
      else if (performance.now() - sinceMs > PATIENCE_MS) Deno.exit(1); // nobody measures any more
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
    const told = new TextDecoder().decode(line.subarray(0, length)).split(" ").map(Number);
    const [first, last, bytes, echoes] = told as [number, number, number, number];
    const ping = new Uint8Array(memory.buffer(PING_PAYLOAD, bytes));
    const pong = new Uint8Array(memory.buffer(pongPayload(bytes), bytes));
    answer(words, ping, pong, first, last, echoes === 1);
  }
}
