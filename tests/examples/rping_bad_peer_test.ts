/** How rping handles peers that break its protocol, over shared memory, which needs no device. */

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
  text: "",
  timeoutMs: 5000,
  signal: new AbortController().signal,
  verbose: false,
};

/** Serves the client that `play` implements. Settles as the server does. */
async function serving(
  play: (exchange: Exchange, connection: Connection) => Promise<void>,
  count?: number,
): Promise<number> {
  await using provider = openShm();
  const listening = Promise.withResolvers<string>();
  const report = (line: string) => listening.resolve(line.replace("listening at ", ""));
  const options = { ...OPTIONS, address: freshAddress(), count, report };
  const served = serve(provider, options);
  served.catch(() => {}); // awaited below
  const connection = await provider.connect(await listening.promise, connectionOptions(OPTIONS));
  {
    using exchange = new Exchange(connection, OPTIONS);
    await play(exchange, connection).catch(() => {}); // the server may leave first
  }
  return await served;
}

/** Pings the server that `play` implements. */
async function pinging(play: (exchange: Exchange) => Promise<void>, timeoutMs = 5000) {
  await using provider = openShm();
  using listener = await provider.listen();
  const { address } = listener;
  const pinged = ping(provider, { ...OPTIONS, timeoutMs, address, count: 3, report: () => {} });
  // A client that has given up before it is accepted must not leave this waiting.
  pinged.catch(() => listener.close());
  const request = await listener.accept();
  if (request !== undefined) {
    using exchange = new Exchange(await request.accept(connectionOptions(OPTIONS)), OPTIONS);
    await play(exchange).catch(() => {});
  }
  await pinged;
}

function freshAddress(): string {
  return `shm:rping-${crypto.randomUUID()}`;
}

async function fails(
  promise: Promise<unknown>,
  code: PingErrorCode,
  message: string,
): Promise<void> {
  const error = await assertRejects(() => promise, PingError, message) as PingError;
  assertEquals(error.code, code, error.message);
}

/** One round of a client, with changes to what it advertises. */
async function round(exchange: Exchange, { sinkSize = SIZE, rkey = 0, number = 0 } = {}) {
  fillPing(exchange.bytes(PING, SIZE), number);
  const source = exchange.register(PING, SIZE, Access.REMOTE_READ);
  exchange.advertise({ address: source.address, rkey: source.rkey ^ rkey, size: SIZE });
  await exchange.receive("the first confirmation");
  const sink = exchange.register(PONG, SIZE, Access.REMOTE_WRITE);
  exchange.advertise({ address: sink.address, rkey: sink.rkey, size: sinkSize });
  await exchange.receive("the second confirmation");
}

Deno.test("`serve()` counts the rounds until the client leaves", async () => {
  const rounds = await serving(async (client) => {
    for (let number = 0; number < 3; number++) await round(client, { number });
  }, 3);
  assertEquals(rounds, 3);
});

Deno.test("`serve()` refuses a ping with other data", async () => {
  await fails(
    serving((client) => round(client, { number: 7 })),
    "data",
    "ping of round 0: byte 10",
  );
});

Deno.test("`serve()` refuses a sink that is too small", async () => {
  const served = serving((client) => round(client, { sinkSize: SIZE - 1 }));
  await fails(served, "protocol", "the client's sink has 63");
});

Deno.test("`serve()` reports a key that is not the client's", async () => {
  await fails(serving((client) => round(client, { rkey: 0x5a5a })), "failed", "REM_ACCESS_ERR");
});

Deno.test("`serve()` refuses a message of another length", async () => {
  const served = serving(async (client, connection) => {
    connection.send(0, 0, 8, 0);
    await client.receiveOrEnd("the end");
  });
  await fails(served, "protocol", "it has 8 bytes, not 16");
});

Deno.test("`serve()` rejects fewer or more rounds than expected", async () => {
  const two = async (client: Exchange) => {
    for (let number = 0; number < 2; number++) await round(client, { number });
  };
  await fails(serving(two, 1), "protocol", "the client has done all 1");
  await fails(serving(two, 3), "gone", "after 2 of 3 rounds");
});

Deno.test("`ping()` refuses a pong with other data", async () => {
  const pinged = pinging(async (server) => {
    await server.receive("a source");
    server.advertise({ address: 0, rkey: 0, size: 0 });
    const sink = await server.receive("a sink");
    fillPing(server.bytes(PING, SIZE), 0);
    server.bytes(PING, SIZE)[SIZE - 2]!++;
    await server.write(PING, SIZE, sink, "a pong");
    server.advertise({ address: 0, rkey: 0, size: 0 });
    await server.receiveOrEnd("the end");
  });
  await fails(pinged, "data", "the pong of round 0: byte 62 of 64");
});

Deno.test("`ping()` gives up on a server that sends nothing, or leaves", async () => {
  const leaving = async (server: Exchange) => {
    await server.receive("a source");
    server[Symbol.dispose]();
  };
  await fails(pinging(leaving), "gone", "has read ping 0: the peer disconnected");
  const silent = async (server: Exchange) => {
    while (await server.receiveOrEnd("the end"));
  };
  // Long enough to connect within it on a host that stands still for a moment.
  await fails(pinging(silent, 1000), "silent", "the peer sent nothing for 1 s");
});

Deno.test("`ping()` reports a server that left after its confirmation", async () => {
  await fails(
    pinging(async (server) => {
      await server.receive("the source");
      server.advertise({ address: 0, rkey: 0, size: 0 });
      server[Symbol.dispose]();
    }),
    "gone",
    "Cannot get the server's confirmation that it has written pong 0",
  );
});
