import { assertEquals, assertThrows } from "@std/assert";
import { ServiceNotifier } from "../../../cli/service/service_notifier.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { sendDatagram } from "../../../ffi/sockets/unix_datagram.ts";
import { DatagramReceiver } from "../../support/datagram_receiver.ts";
import { limitMs } from "../../support/time_factor.ts";

Deno.test("`ServiceNotifier.ready()` neither waits for systemd nor is lost while systemd hangs", async () => {
  const libc = openLibc();
  const path = `@rfaas-test/${crypto.randomUUID()}`;
  {
    using systemd = new DatagramReceiver(path);
    assertThrows(() => {
      while (true) sendDatagram(libc, path, "other services");
    });
    using notifier = new ServiceNotifier(path, undefined);
    notifier.ready("Listening");
    let message = "";
    do message = await systemd.next(limitMs(10_000)); while (message === "other services");
    assertEquals(message, "READY=1\nSTATUS=Listening");
    notifier.stopping("The node drains");
    assertEquals(await systemd.next(limitMs(10_000)), "STOPPING=1\nSTATUS=The node drains");
  }
  libc.close();
});
