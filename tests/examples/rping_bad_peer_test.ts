/** What rping says of peers that break its protocol; over shared memory, which needs no device. */

import { assertEquals, assertRejects } from "@std/assert";
import { ping } from "../../examples/rping/client.ts";
import { PingError, type PingErrorCode } from "../../examples/rping/errors.ts";
import { connectionOptions, Exchange, PING, PONG } from "../../examples/rping/exchange.ts";
import { fillPing } from "../../examples/rping/ping_data.ts";
import { serve } from "../../examples/rping/server.ts";
import { Access, type Connection } from "../../fabric/fabric.ts";
import { openShm } from "../../fabric/shm/provider.ts";

const SIZE = 64;
const OPTIONS = {
  size: SIZE,
  say: "",
  timeoutMs: 5000,
  signal: new AbortController().signal,
  verbose: false,
};

/** Serves whatever client `play` is; what became of the server. */
async function serving(
  play: (exchange: Exchange, connection: Connection) => Promise<void>,
  count?: number,
): Promise<number> {
  await using provider = openShm();
  const listening = Promise.withResolvers<string>();
  const tell = (line: string) => listening.resolve(line.replace("listening at ", ""));
  const options = { ...OPTIONS, address: freshAddress(), count, tell };
  const served = serve(provider, options);
  served.catch(() => {}); // looked at below
  const connection = await provider.connect(await listening.promise, connectionOptions(OPTIONS));
  {
    using exchange = new Exchange(connection, OPTIONS);
    await play(exchange, connection).catch(() => {}); // the server may leave first
  }
  return await served;
}

/** Pings whatever server `play` is. */
async function pinging(play: (exchange: Exchange) => Promise<void>, timeoutMs = 5000) {
  await using provider = openShm();
  using listener = await provider.listen();
  const { address } = listener;
  const pinged = ping(provider, { ...OPTIONS, timeoutMs, address, count: 3, tell: () => {} });
  pinged.catch(() => {});
  const request = await listener.accept();
  using exchange = new Exchange(await request!.accept(connectionOptions(OPTIONS)), OPTIONS);
  await play(exchange).catch(() => {});
  await pinged;
}

function freshAddress(): string {
  return `shm:rping-${crypto.randomUUID()}`;
}

async function fails(promise: Promise<unknown>, code: PingErrorCode, says: string): Promise<void> {
  const error = await assertRejects(() => promise, PingError, says) as PingError;
  assertEquals(error.code, code, error.message);
}

/** One round as a client does it, with what it offers changed. */
async function round(exchange: Exchange, { sinkSize = SIZE, rkey = 0, number = 0 } = {}) {
  fillPing(exchange.bytes(PING, SIZE), number);
  const source = exchange.register(PING, SIZE, Access.REMOTE_READ);
  exchange.say({ address: source.address, rkey: source.rkey ^ rkey, size: SIZE });
  await exchange.hear("the first word");
  const sink = exchange.register(PONG, SIZE, Access.REMOTE_WRITE);
  exchange.say({ address: sink.address, rkey: sink.rkey, size: sinkSize });
  await exchange.hear("the second word");
}

Deno.test("serve() counts the rounds until the client leaves", async () => {
  const rounds = await serving(async (client) => {
    for (let number = 0; number < 3; number++) await round(client, { number });
  }, 3);
  assertEquals(rounds, 3);
});

Deno.test("serve() refuses a ping with other data", async () => {
  await fails(
    serving((client) => round(client, { number: 7 })),
    "data",
    "ping of round 0: byte 10",
  );
});

Deno.test("serve() refuses a sink that is too small", async () => {
  const served = serving((client) => round(client, { sinkSize: SIZE - 1 }));
  await fails(served, "protocol", "the client's sink has 63");
});

Deno.test("serve() names a key that is not the client's", async () => {
  await fails(serving((client) => round(client, { rkey: 0x5a5a })), "failed", "REM_ACCESS_ERR");
});

Deno.test("serve() refuses a message of another length", async () => {
  const served = serving(async (client, connection) => {
    connection.send(0, 0, 8, 0);
    await client.hearOrEnd("the end");
  });
  await fails(served, "protocol", "it has 8 bytes, not 16");
});

Deno.test("serve() wants as many rounds as it was told", async () => {
  const two = async (client: Exchange) => {
    for (let number = 0; number < 2; number++) await round(client, { number });
  };
  await fails(serving(two, 1), "protocol", "a round beyond 1");
  await fails(serving(two, 3), "gone", "after 2 of 3 rounds");
});

Deno.test("ping() refuses a pong with other data", async () => {
  const pinged = pinging(async (server) => {
    await server.hear("a source");
    server.say({ address: 0, rkey: 0, size: 0 });
    const sink = await server.hear("a sink");
    fillPing(server.bytes(PING, SIZE), 0);
    server.bytes(PING, SIZE)[SIZE - 2]!++;
    await server.write(PING, SIZE, sink, "a pong");
    server.say({ address: 0, rkey: 0, size: 0 });
    await server.hearOrEnd("the end");
  });
  await fails(pinged, "data", "the pong of round 0: byte 62 of 64");
});

Deno.test("ping() gives a server up that says nothing, or leaves", async () => {
  const leaving = async (server: Exchange) => {
    await server.hear("a source");
    server[Symbol.dispose]();
  };
  await fails(pinging(leaving), "gone", "has read ping 0: the peer disconnected");
  const silent = async (server: Exchange) => {
    while (await server.hearOrEnd("the end"));
  };
  await fails(pinging(silent, 50), "silent", "the peer said nothing for 0.05 s");
});
