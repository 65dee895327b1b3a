import { assertEquals, assertRejects } from "@std/assert";
import { Fabrics } from "../../../fabric/open.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../runtime/control/control_channel.ts";
import { MAX_QUEUED, SEND_AREAS } from "../../../runtime/control/control_sender.ts";
import { testListenPlace } from "../../support/cluster/test_fabric.ts";
import { until } from "../../support/waiting.ts";
import { limitMs } from "../../support/time_factor.ts";

/** Two connected ends. */
async function connectPair(fabrics: Fabrics, lendBytes = 0) {
  using listener = await fabrics.listen(testListenPlace());
  const [client, server] = await Promise.all([
    fabrics.connect(listener.address, controlOptions(lendBytes)),
    listener.accept().then((request) => request!.accept(controlOptions(lendBytes))),
  ]);
  return { client, server };
}

Deno.test("`ControlChannel.notify()` has no effect when the peer has gone, detected or not", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  const channel = new ControlChannel(client);
  server.close();
  const untilMs = performance.now() + limitMs(5000);
  while (client.probe() && performance.now() < untilMs); // the connection has detected it now, the channel has not yet
  channel.notify("stop");
  assertEquals(client.state, "disconnected");
  await channel.closed;
  channel.notify("stop");
  const error = await assertRejects(() => channel.request("end", {}), ControlError);
  assertEquals(error.code, "closed");
});

Deno.test("`ControlChannel.notify()` keeps the order and the text of many messages at once", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  const received: string[] = [];
  using channel = new ControlChannel(client);
  using peer = new ControlChannel(server, {
    event: (type, body) => received.push(`${type} ${(body as { text: string }).text}`),
    request: (type) => type,
  });
  const sent = Array.from({ length: 200 }, (_, i) => `${i} ${"x".repeat(i * 37)}`);
  // A request now and then lets the peer read: otherwise there are more messages than it has receives.
  for (const [i, text] of sent.entries()) {
    channel.notify("event", { text });
    if (i % 8 === 7) assertEquals(await channel.request("read", {}), "read");
  }
  await until(() => received.length === sent.length, () => `all arrive, ${received.length} now`);
  assertEquals(received, sent.map((text) => `event ${text}`));
  assertEquals(peer.closed instanceof Promise, true);
});

Deno.test("`ControlChannel.request()` and `fetch()` work in both directions at once", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics, 2 ** 20);
  using left = new ControlChannel(client, { request: (_, body) => body });
  using right = new ControlChannel(server, { request: (_, body) => body });
  const bytes = crypto.getRandomValues(new Uint8Array(2 ** 16)).toHex();
  const lent = left.lend(new TextEncoder().encode(bytes));
  const requests = Array.from(
    { length: 40 },
    (_, i) => [left, right].map((side) => side.request("echo", { i, text: "y".repeat(1000 * i) })),
  );
  const [fetched, ...responses] = await Promise.all([right.fetch(lent), ...requests.flat()]);
  assertEquals(new TextDecoder().decode(fetched), bytes);
  assertEquals(
    responses.map((response) => (response as { i: number }).i),
    requests.flatMap((_, i) => [i, i]),
  );
});

Deno.test("`ControlChannel.request()` refuses a message that is too long, and the channel goes on", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  using channel = new ControlChannel(client);
  using _peer = new ControlChannel(server, { request: () => "yes" });
  const error = await assertRejects(
    () => channel.request("read", { text: "z".repeat(70_000) }),
    ControlError,
  );
  assertEquals(error.code, "too-long");
  assertEquals(await channel.request("read", {}), "yes");
});

Deno.test("`ControlChannel.request()` alone fails if too many messages wait for a peer that reads none", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  using channel = new ControlChannel(client);
  for (let i = 0; i < SEND_AREAS + MAX_QUEUED; i++) channel.notify("event");
  // An unhandled rejection would end this process.
  await assertRejects(() => channel.request("read", {}), ControlError, "the peer accepts none");
  assertEquals(await channel.closed, "the peer accepts no messages");
  server.close();
});

Deno.test("an event that its handler can't read closes the channel, with the reason", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  using channel = new ControlChannel(client, {
    event: (type) => {
      throw new TypeError(`${type} has no reason`);
    },
  });
  using peer = new ControlChannel(server);
  peer.notify("over", {});
  const reason = await channel.closed;
  assertEquals(reason, "the peer sent an invalid event: over has no reason");
});
