/** The rping of examples/ against rdma-core's own, as client and as server. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openVerbs } from "../../fabric/verbs/provider.ts";
import { onceListening, ourRping, pingLines, Program } from "../support/rping.ts";
import { limitMs } from "../support/time_factor.ts";

/** Rounds that no test waits for. */
const ENDLESS = "100000000";
/** How long a program may run. */
const PROGRAM_MS = limitMs(20_000);
/** How soon an end must know that the other is gone. */
const NOTICED_MS = limitMs(3_000);

function start([command, ...args]: readonly [string, ...string[]]): Program {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  return new Program(new Deno.Command(command, { args, ...pipes }).spawn(), PROGRAM_MS);
}

const ours = (...args: string[]) => start(ourRping(...args));
const firstOfOurs = (...args: string[]) => onceListening(() => ours(...args), PROGRAM_MS);
const theirs = (...args: string[]) => start(["rping", ...args]);

/** An address of this host's device at which nobody listens: for ours, and as arguments of rdma-core's. */
async function freshPlace(): Promise<{ place: string; there: string[] }> {
  await using provider = openVerbs();
  using listener = await provider.listen();
  const [, place, host, port] = /^verbs:\/\/((.*):(\d+))$/.exec(listener.address)!;
  return { place: place!, there: ["-a", host!, "-p", port!] };
}

/** Does something that must end a program soon, with status 1 and this. */
async function ends(program: Program, cause: () => Promise<void>, says: RegExp): Promise<void> {
  const startMs = performance.now();
  await cause();
  assertEquals(await program.code, 1);
  assertMatch(program.stderr, says);
  assert(performance.now() - startMs < NOTICED_MS, `${performance.now() - startMs} ms`);
}

for (const [rounds, bytes] of [[1000, 64], [100, 65535]] as const) {
  const [count, size] = [`${rounds}`, `${bytes}`];

  Deno.test(`rping of rdma-core serves ours: ${count} rounds of ${size} bytes`, async () => {
    const { place, there } = await freshPlace();
    await using server = theirs("-s", ...there, "-S", size, "-v");
    const args = ["--count", count, "--size", size, "--verbose"];
    await using client = await firstOfOurs("client", place, ...args);
    assertEquals([await client.code, client.stderr], [0, ""]);
    assertEquals(await server.code, 0, server.stderr);
    assertMatch(server.stderr, /^server DISCONNECT EVENT/);
    assertEquals(server.stdout, pingLines("server ping data", rounds, bytes));
    const pongs = pingLines("ping data", rounds, bytes);
    assertEquals(client.stdout.slice(0, pongs.length), pongs);
    const last = client.stdout.slice(pongs.length);
    assertMatch(last, /^\d+ pings of \d+ bytes came back whole, [\d.]+ us each\n$/);
  });

  Deno.test(`rping of rdma-core pings ours: ${count} rounds of ${size} bytes`, async () => {
    const { place, there } = await freshPlace();
    await using server = ours("server", place, "--count", count, "--verbose");
    await server.prints("listening at");
    await using client = theirs("-c", ...there, "-C", count, "-S", size, "-v", "-V");
    assertEquals(await client.code, 0, client.stderr);
    assertEquals([await server.code, server.stderr], [0, ""]);
    assertEquals(client.stdout, pingLines("ping data", rounds, bytes));
    assertEquals(
      server.stdout,
      `listening at verbs://${place}\n${pingLines("server ping data", rounds, bytes)}` +
        `served ${count} rounds, every byte checked\n`,
    );
  });
}

Deno.test("rping: what either end says when it connects arrives whole", async () => {
  const { place } = await freshPlace();
  const hello = "h\u00e9llo".padEnd(55, "."); // 56 bytes
  await using server = ours("server", place, "--say", "welcome");
  await server.prints("listening at");
  await using client = ours("client", place, "--say", hello);
  assertEquals([await client.code, await server.code], [0, 0], client.stderr + server.stderr);
  assertMatch(client.stdout, /^the server says: welcome\n10 pings/);
  assert(server.stdout.includes(`the client says: ${hello}\nserved 10 rounds`), server.stdout);
});

Deno.test("rping: a client that is killed ends the server with a name", async () => {
  const { place, there } = await freshPlace();
  await using server = ours("server", place, "--verbose", "--count", ENDLESS);
  await server.prints("listening at");
  await using client = theirs("-c", ...there);
  await server.prints("rdma-ping-20:");
  await ends(
    server,
    () => client.kill("SIGKILL"),
    /^rping: Cannot .*(left after|the peer disconnected|does not answer).*\(gone\)\n$/,
  );
});

Deno.test("rping: a server that is killed ends the client with a name", async () => {
  const { place, there } = await freshPlace();
  await using server = theirs("-s", ...there);
  await using client = await firstOfOurs("client", place, "--verbose", "--count", ENDLESS);
  await client.prints("rdma-ping-20:");
  await ends(
    client,
    () => server.kill("SIGKILL"),
    /^rping: Cannot get the server's word .*: the peer .*\(gone\)\n$/,
  );
});

Deno.test("rping: a server that stands still ends the client when its time is up", async () => {
  const { place, there } = await freshPlace();
  await using server = theirs("-s", ...there);
  const args = ["--verbose", "--count", ENDLESS, "--timeout", "2"];
  await using client = await firstOfOurs("client", place, ...args);
  await client.prints("rdma-ping-20:");
  await ends(
    client,
    () => server.kill("SIGSTOP"),
    /^rping: Cannot get the server's word .*: the peer said nothing for 2 s \(silent\)\n$/,
  );
});

Deno.test("rping: a ping longer than the server takes is refused with a name", async () => {
  const { place, there } = await freshPlace();
  await using server = ours("server", place, "--size", "1000");
  await server.prints("listening at");
  await using client = theirs("-c", ...there, "-S", "1001");
  assertEquals([await server.code, server.stderr], [
    1,
    "rping: Cannot take ping 0: it has 1001 bytes, 1 to 1000 are allowed (--size) (protocol)\n",
  ]);
  await client.code; // it was disconnected
});

Deno.test("rping: a place where nobody listens is named", async () => {
  const { place } = await freshPlace();
  await using client = ours("client", place);
  assertEquals(await client.code, 1);
  assertEquals(
    client.stderr,
    `rping: Cannot connect to verbs://${place}: nobody listens there (refused)\n`,
  );
});

Deno.test("rping: a server that waits for a client ends by a signal", async () => {
  const { place } = await freshPlace();
  await using server = ours("server", place);
  await server.prints("listening at");
  await ends(
    server,
    () => server.kill("SIGTERM"),
    /^rping: Cannot go on: SIGTERM was received\n$/,
  );
});
