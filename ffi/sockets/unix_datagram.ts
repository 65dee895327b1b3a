/** One message to a Unix socket that takes datagrams. */

import type { Libc } from "../libc.ts";
import { AF_UNIX, unixAddress } from "./unix_address.ts";

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/**
 * Sends a message. It waits for nothing: a receiver that hangs must not stop this thread.
 *
 * @param path of the socket; one that begins with `@` is a name in the abstract namespace.
 * @throws {ErrnoError} such as `ECONNREFUSED` when no socket has that path, and `EAGAIN` when its queue is full.
 * @throws {RangeError} when the path is empty or too long.
 */
export function sendDatagram(libc: Libc, path: string, message: string): void {
  const address = unixAddress(path);
  const fd = libc.c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw libc.fail("open a Unix socket");
  try {
    const bytes = new TextEncoder().encode(message);
    const sent = libc.c.connect(fd, address, address.length) === 0 &&
      libc.c.send(fd, bytes, BigInt(bytes.length), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0n;
    if (!sent) throw libc.fail(`send to socket ${path}`);
  } finally {
    libc.c.close(fd);
  }
}
