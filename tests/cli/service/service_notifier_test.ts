import { assertEquals, assertThrows } from "@std/assert";
import { ServiceNotifier } from "../../../cli/service/service_notifier.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { sendDatagram } from "../../../ffi/sockets/unix_datagram.ts";
import { DatagramReceiver } from "../../support/datagram_receiver.ts";
import { limitMs } from "../../support/time_factor.ts";

/** A socket whose queue is full, as that of a systemd that hangs. */
function withFullQueue(test: (path: string, next: () => Promise<string>) => Promise<void>) {
  return async () => {
    const libc = openLibc();
    const path = `@rfaas-test/${crypto.randomUUID()}`;
    using systemd = new DatagramReceiver(path);
    assertThrows(() => {
      while (true) sendDatagram(libc, path, "other services");
    });
    libc.close();
    await test(path, async () => {
      let message = "";
      do message = await systemd.next(limitMs(10_000)); while (message === "other services");
      return message;
    });
  };
}

Deno.test(
  "`ServiceNotifier.ready()` neither waits for systemd nor is lost while systemd hangs",
  withFullQueue(async (path, next) => {
    using notifier = new ServiceNotifier(path, undefined);
    notifier.ready("Listening");
    assertEquals(await next(), "READY=1\nSTATUS=Listening");
    notifier.stopping("The node drains");
    assertEquals(await next(), "STOPPING=1\nSTATUS=The node drains");
  }),
);

Deno.test(
  "`ServiceNotifier.stopping()` is not lost while systemd hangs, and replaces `ready()`",
  withFullQueue(async (path, next) => {
    using notifier = new ServiceNotifier(path, undefined);
    notifier.ready("Listening");
    notifier.stopping("The node drains");
    assertEquals(await next(), "STOPPING=1\nSTATUS=The node drains");
  }),
);
