/** How many threads of the host run or wait for a core. */

import { O_RDONLY_CLOEXEC } from "./kernel_file.ts";
import { cString, type Libc } from "./libc.ts";

const FILE = cString("/proc/loadavg");
const BYTES = 64n;
const [SPACE, SLASH, ZERO] = [0x20, 0x2f, 0x30];

/** Reads their number into the same memory each time: a call may wait for it. */
export class RunnableThreads {
  readonly #libc: Libc;
  readonly #text = new Uint8Array(Number(BYTES));

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** The fourth field, such as 2/345, up to its slash (`man 5 proc_loadavg`). Infinity where it is not known. */
  count(): number {
    const { c } = this.#libc;
    const fd = c.open(FILE, O_RDONLY_CLOEXEC, 0);
    if (fd < 0) return Infinity; // no /proc
    const length = Number(c.read(fd, this.#text, BYTES));
    c.close(fd);
    let spaces = 0;
    let threads = 0;
    for (let i = 0; i < length; i++) {
      const byte = this.#text[i]!;
      if (byte === SLASH) return threads;
      if (byte === SPACE) spaces++;
      else if (spaces === 3) threads = threads * 10 + byte - ZERO;
    }
    return Infinity;
  }
}
