import { assertEquals, assertThrows } from "@std/assert";
import { EAGAIN, ErrnoError } from "../../../ffi/errno.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { sendDatagram } from "../../../ffi/sockets/unix_datagram.ts";
import { DatagramReceiver } from "../../support/datagram_receiver.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { limitMs } from "../../support/time_factor.ts";

Deno.test("`sendDatagram()` reaches a file and an abstract name", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const libc = openLibc();
  try {
    for (const path of [`${folder}/socket`, `@rfaas-test/${crypto.randomUUID()}`]) {
      using receiver = new DatagramReceiver(path);
      const before = countDescriptors();
      for (const message of ["READY=1\nSTATUS=é", "x"]) {
        sendDatagram(libc, path, message);
        assertEquals(await receiver.next(limitMs(5000)), message);
      }
      assertEquals(countDescriptors(), before);
    }
  } finally {
    libc.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("`sendDatagram()` refuses a path without a socket, and one that no socket can have", () => {
  const libc = openLibc();
  const before = countDescriptors();
  const gone = `@rfaas-test/${crypto.randomUUID()}`;
  assertThrows(
    () => sendDatagram(libc, gone, "x"),
    ErrnoError,
    "Cannot send to socket @rfaas-test",
  );
  for (const path of ["", `/${"x".repeat(107)}`]) {
    assertThrows(() => sendDatagram(libc, path, "x"), RangeError, "expected 1 to 107 bytes");
  }
  assertEquals(countDescriptors(), before);
  libc.close();
});

Deno.test("`sendDatagram()` does not wait for a receiver that hangs", async () => {
  const libc = openLibc();
  const path = `@rfaas-test/${crypto.randomUUID()}`;
  {
    using receiver = new DatagramReceiver(path);
    const { errno } = assertThrows(() => {
      while (true) sendDatagram(libc, path, "x"); // Linux queues 10 by default, systemd sets 512
    }, ErrnoError);
    assertEquals(errno, EAGAIN);
    assertEquals(await receiver.next(limitMs(5000)), "x");
    sendDatagram(libc, path, "y");
  }
  libc.close();
});
