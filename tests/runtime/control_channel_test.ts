import { assertEquals, assertRejects } from "@std/assert";
import { openShm } from "../../fabric/shm/provider.ts";
import { ControlChannel, ControlError, controlOptions } from "../../runtime/control_channel.ts";

Deno.test("ControlChannel.notify() does nothing when the peer has gone, noticed or not", async () => {
  await using fabric = openShm();
  using listener = await fabric.listen();
  const [client, server] = await Promise.all([
    fabric.connect(listener.address, controlOptions(0)),
    listener.accept().then((request) => request!.accept(controlOptions(0))),
  ]);
  const channel = new ControlChannel(client);
  server.close();
  client.probe(); // the connection knows now, the channel does not yet
  channel.notify("stop");
  assertEquals(client.state, "disconnected");
  await channel.closed;
  channel.notify("stop");
  const error = await assertRejects(() => channel.request("end", {}), ControlError);
  assertEquals(error.code, "closed");
});
