import { assertEquals, assertRejects } from "@std/assert";
import { Fabrics } from "../../../fabric/open.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
} from "../../../runtime/control/control_channel.ts";
import { MAX_QUEUED, SEND_AREAS } from "../../../runtime/control/control_sender.ts";
import { testListenPlace } from "../../support/test_fabric.ts";
import { until } from "../../support/process_table.ts";
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

Deno.test("ControlChannel.notify() does nothing when the peer has gone, noticed or not", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  const channel = new ControlChannel(client);
  server.close();
  const untilMs = performance.now() + limitMs(5000);
  while (client.probe() && performance.now() < untilMs); // the connection knows now, the channel does not yet
  channel.notify("stop");
  assertEquals(client.state, "disconnected");
  await channel.closed;
  channel.notify("stop");
  const error = await assertRejects(() => channel.request("end", {}), ControlError);
  assertEquals(error.code, "closed");
});

Deno.test("ControlChannel.notify() keeps the order and the text of many messages at once", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  const heard: string[] = [];
  using channel = new ControlChannel(client);
  using peer = new ControlChannel(server, {
    notice: (type, body) => heard.push(`${type} ${(body as { text: string }).text}`),
    request: (type) => type,
  });
  const told = Array.from({ length: 200 }, (_, i) => `${i} ${"x".repeat(i * 37)}`);
  // A request now and then lets the peer come to read: without that, more lie there than it has receives.
  for (const [i, text] of told.entries()) {
    channel.notify("told", { text });
    if (i % 8 === 7) assertEquals(await channel.request("ask", {}), "ask");
  }
  await until(() => heard.length === told.length, () => `all is heard, ${heard.length} now`);
  assertEquals(heard, told.map((text) => `told ${text}`));
  assertEquals(peer.closed instanceof Promise, true);
});

Deno.test("ControlChannel.request() and fetch() go both ways at once", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics, 2 ** 20);
  using left = new ControlChannel(client, { request: (_, body) => body });
  using right = new ControlChannel(server, { request: (_, body) => body });
  const bytes = crypto.getRandomValues(new Uint8Array(2 ** 16)).toHex();
  const lent = left.lend(new TextEncoder().encode(bytes));
  const asks = Array.from(
    { length: 40 },
    (_, i) => [left, right].map((side) => side.request("echo", { i, text: "y".repeat(1000 * i) })),
  );
  const [fetched, ...answers] = await Promise.all([right.fetch(lent), ...asks.flat()]);
  assertEquals(new TextDecoder().decode(fetched), bytes);
  assertEquals(
    answers.map((answer) => (answer as { i: number }).i),
    asks.flatMap((_, i) => [i, i]),
  );
});

Deno.test("ControlChannel.request() refuses a message that is too long, and goes on", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  using channel = new ControlChannel(client);
  using _peer = new ControlChannel(server, { request: () => "yes" });
  const error = await assertRejects(
    () => channel.request("ask", { text: "z".repeat(70_000) }),
    ControlError,
  );
  assertEquals(error.code, "too-long");
  assertEquals(await channel.request("ask", {}), "yes");
});

Deno.test("ControlChannel.request() fails, and nothing else does, where too much waits for a peer that reads nothing", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  using channel = new ControlChannel(client);
  for (let i = 0; i < SEND_AREAS + MAX_QUEUED; i++) channel.notify("told");
  // A rejection that nobody hears would end this process.
  await assertRejects(() => channel.request("ask", {}), ControlError, "the peer takes none");
  assertEquals(await channel.closed, "the peer takes no messages");
  server.close();
});

Deno.test("a notice that makes no sense to its reader ends the channel, and says why", async () => {
  await using fabrics = new Fabrics();
  const { client, server } = await connectPair(fabrics);
  using channel = new ControlChannel(client, {
    notice: (type) => {
      throw new TypeError(`${type} has no reason`);
    },
  });
  using peer = new ControlChannel(server);
  peer.notify("over", {});
  const reason = await channel.closed;
  assertEquals(reason, "the peer sent what makes no sense: over has no reason");
});
