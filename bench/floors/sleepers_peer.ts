/**
 * The other process of sleepers.ts. It sleeps in a blocking poll(2) until a request arrives.
 *
 * Arguments: the name of the socket, the process that owns the memory, the number of its descriptor there.
 *
 * @module
 */
import { cString, openLibc } from "../../ffi/libc.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { connectUnix } from "../../ffi/sockets/unix_socket.ts";
import { BY_WORD, PAGE, pollfd } from "./sleepers.ts";

const O_RDWR_CLOEXEC = 0o2 | 0o2000000;
const NO_SIGNAL = 0x4000;

if (import.meta.main) {
  const [name, pid, memoryFd] = Deno.args as [string, string, string];
  const libc = openLibc();
  const own = libc.c.open(cString(`/proc/${pid}/fd/${memoryFd}`), O_RDWR_CLOEXEC, 0);
  if (own < 0) throw libc.fail(`open the memory of process ${pid}`);
  const words = new Int32Array(MappedMemory.map(libc, own, PAGE).buffer(0, PAGE));
  const fd = connectUnix(libc, name);
  console.log("ready");
  const waiting = pollfd(fd);
  const byte = new Uint8Array(1);
  let round = 0;
  for (;;) {
    libc.c.poll(waiting, 1n, -1);
    if (libc.c.recv(fd, byte, 1n, 0) !== 1n) break; // the client has ended
    if (byte[0] === BY_WORD) {
      Atomics.store(words, 0, ++round);
      continue;
    }
    const sinceMs = performance.now();
    while (performance.now() - sinceMs < byte[0]!);
    if (libc.c.send(fd, byte, 1n, NO_SIGNAL) !== 1n) break;
  }
  Deno.exit(0);
}
