/** Sockets that carry whole messages and descriptors. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ErrnoError } from "../../../ffi/errno.ts";
import { cString, type Libc, openLibc } from "../../../ffi/libc.ts";
import { Poller } from "../../../ffi/poller.ts";
import {
  acceptUnix,
  closeUnix,
  connectUnix,
  listenUnix,
  peerUser,
  receiveMessage,
  sendMessage,
} from "../../../ffi/sockets/unix_socket.ts";
import { countDescriptors } from "../../support/descriptors.ts";

/** Runs with a connected pair, and expects that no descriptor leaks. */
function withPair(run: (libc: Libc, a: number, b: number) => void): void {
  const libc = openLibc();
  const before = countDescriptors();
  const name = `rfaas-test/${crypto.randomUUID()}`;
  const listening = listenUnix(libc, name, 4);
  const a = connectUnix(libc, name);
  const b = acceptUnix(libc, listening);
  try {
    run(libc, a, b);
  } finally {
    for (const fd of [a, b, listening]) closeUnix(libc, fd);
  }
  assertEquals(countDescriptors(), before);
  libc.close();
}

Deno.test("`sendMessage()` and `receiveMessage()` keep messages whole and in order", () => {
  withPair((libc, a, b) => {
    assertEquals(receiveMessage(libc, b, 16, 1), undefined);
    for (const length of [1, 2, 16]) sendMessage(libc, a, new Uint8Array(length).fill(length));
    for (const length of [1, 2, 16]) {
      const message = receiveMessage(libc, b, 16, 1)!;
      assertEquals(message.payload, new Uint8Array(length).fill(length));
      assertEquals(message.descriptors, []);
    }
    assertEquals(receiveMessage(libc, b, 16, 1), undefined);
  });
});

for (const count of [1, 2, 3, 4]) {
  Deno.test(`\`sendMessage()\` passes ${count} descriptors of the same files`, () => {
    withPair((libc, a, b) => {
      const sent = Array.from({ length: count }, (_, i) => libc.c.eventfd(i + 1, 0));
      sendMessage(libc, a, Uint8Array.of(1), sent);
      for (const fd of sent) libc.c.close(fd);
      const { descriptors } = receiveMessage(libc, b, 16, 4)!;
      assertEquals(descriptors.length, count);
      descriptors.forEach((fd, i) => {
        const value = new BigUint64Array(1);
        assertEquals(libc.c.read(fd, new Uint8Array(value.buffer), 8n), 8n);
        assertEquals(value[0], BigInt(i + 1));
        assertEquals(libc.c.fcntl(fd, 1, 0), 1, "closed on exec");
        libc.c.close(fd);
      });
    });
  });
}

Deno.test("`receiveMessage()` keeps no descriptor when more arrive than allowed", () => {
  withPair((libc, a, b) => {
    const sent = Array.from({ length: 8 }, () => libc.c.eventfd(0, 0));
    sendMessage(libc, a, Uint8Array.of(1), sent);
    for (const fd of sent) libc.c.close(fd);
    assertEquals(receiveMessage(libc, b, 16, 2), null);
  });
});

Deno.test("`receiveMessage()` returns null once the peer has closed, after its last messages", () => {
  withPair((libc, a, b) => {
    sendMessage(libc, a, Uint8Array.of(7));
    libc.c.shutdown(a, 2);
    assertEquals(receiveMessage(libc, b, 16, 1)?.payload, Uint8Array.of(7));
    assertEquals(receiveMessage(libc, b, 16, 1), null);
    const error = assertThrows(() => sendMessage(libc, b, Uint8Array.of(1))) as ErrnoError;
    assertEquals(error.code, "EPIPE"); // and no SIGPIPE
  });
});

Deno.test("`peerUser()` returns the process and user of the other end", () => {
  withPair((libc, a, b) => {
    for (const fd of [a, b]) assertEquals(peerUser(libc, fd), { pid: Deno.pid, uid: Deno.uid()! });
    const fd = libc.c.open(cString("/dev/null"), 0, 0);
    assertThrows(() => peerUser(libc, fd), ErrnoError);
    libc.c.close(fd);
  });
});

Deno.test("`listenUnix()` refuses a name in use, `connectUnix()` a name without a listener", () => {
  const libc = openLibc();
  const name = `rfaas-test/${crypto.randomUUID()}`;
  const before = countDescriptors();
  const code = (call: () => unknown) => (assertThrows(call, ErrnoError) as ErrnoError).code;
  assertEquals(code(() => connectUnix(libc, name)), "ECONNREFUSED");
  const fd = listenUnix(libc, name, 1);
  assertEquals(code(() => listenUnix(libc, name, 1)), "EADDRINUSE");
  assertEquals(acceptUnix(libc, fd), -1, "no connection waits");
  const connected: number[] = [];
  for (let next = 0; next >= 0 && connected.length < 10;) {
    next = connectUnix(libc, name);
    if (next >= 0) connected.push(next);
  }
  assert(connected.length > 0 && connected.length < 10, "a full queue is reported");
  for (const each of [...connected, fd]) closeUnix(libc, each);
  for (const bad of ["", "x".repeat(108)]) {
    assertThrows(() => listenUnix(libc, bad, 1), RangeError);
    assertThrows(() => connectUnix(libc, bad), RangeError);
  }
  assertEquals(countDescriptors(), before);
  libc.close();
});

Deno.test("`closeUnix()` ends a socket at once, even during a poll on it", async () => {
  const libc = openLibc();
  const poller = new Poller(libc);
  for (let i = 0; i < 20; i++) { // the poll of another thread may not have begun yet, but not 20 times
    const name = `rfaas-test/${crypto.randomUUID()}`;
    const listening = listenUnix(libc, name, 4);
    const a = connectUnix(libc, name);
    const b = acceptUnix(libc, listening);
    const waits = [poller.readable(a), poller.readable(listening)];
    await new Promise((resolve) => setTimeout(resolve, 0));
    closeUnix(libc, a);
    closeUnix(libc, listening);
    assertEquals(receiveMessage(libc, b, 16, 1), null);
    const error = assertThrows(() => connectUnix(libc, name), ErrnoError) as ErrnoError;
    assertEquals(error.code, "ECONNREFUSED");
    closeUnix(libc, b);
    await Promise.all(waits);
  }
  poller.close();
  await poller.closed;
  libc.close();
});
