/** The rping of examples/ against rdma-core's own, as client and as server. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { openVerbs } from "../../../fabric/verbs/provider.ts";
import { onceListening, ourRping, pingLines, Program } from "../../support/fabric/rping.ts";
import { limitMs } from "../../support/time_factor.ts";

/** More rounds than any test waits for. */
const ENDLESS = "100000000";
/** How long a program may run. */
const PROGRAM_MS = limitMs(20_000);
/** How soon an end must notice that the other is gone. */
const NOTICED_MS = limitMs(3_000);
/** A dying process unregisters its memory first, which refuses the read or write that is under way. */
const LOST_CLIENT =
  /^rping: Cannot .*((disconnected|does not answer).*\(gone\)|REM_\w+_ERR \(failed\))\n$/;
const LOST_SERVER =
  /^rping: Cannot get the server's confirmation .*: (the peer .*\(gone\)|REM_\w+_ERR \(failed\))\n$/;

function start([command, ...args]: readonly [string, ...string[]]): Program {
  const pipes = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  return new Program(new Deno.Command(command, { args, ...pipes }).spawn(), PROGRAM_MS);
}

const ours = (...args: string[]) => start(ourRping(...args));
const firstOfOurs = (...args: string[]) => onceListening(() => ours(...args), PROGRAM_MS);
const theirs = (...args: string[]) => start(["rping", ...args]);

/** An address of this host's device without a listener: for ours, and as arguments of rdma-core's. */
async function freshAddress(): Promise<{ place: string; there: string[] }> {
  await using provider = openVerbs();
  using listener = await provider.listen();
  const [, place, host, port] = /^verbs:\/\/((.*):(\d+))$/.exec(listener.address)!;
  return { place: place!, there: ["-a", host!, "-p", port!] };
}

/** Expects that `cause` ends a program soon, with status 1 and this message. */
async function ends(program: Program, cause: () => Promise<void>, message: RegExp): Promise<void> {
  const startMs = performance.now();
  await cause();
  assertEquals(await program.code, 1);
  assertMatch(program.stderr, message);
  assert(performance.now() - startMs < NOTICED_MS, `${performance.now() - startMs} ms`);
}

for (const [rounds, bytes] of [[100, 64], [20, 65535]] as const) {
  const [count, size] = [`${rounds}`, `${bytes}`];

  Deno.test(`rping of rdma-core serves ours: ${count} rounds of ${size} bytes`, async () => {
    const { place, there } = await freshAddress();
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
    assertMatch(last, /^\d+ pings of \d+ bytes returned intact, [\d.]+ us each\n$/);
  });

  Deno.test(`rping of rdma-core pings ours: ${count} rounds of ${size} bytes`, async () => {
    const { place, there } = await freshAddress();
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

Deno.test("rping: the private data of both ends arrives whole", async () => {
  const { place } = await freshAddress();
  const hello = "h\u00e9llo".padEnd(55, "."); // 56 bytes
  await using server = ours("server", place, "--text", "welcome");
  await server.prints("listening at");
  await using client = ours("client", place, "--text", hello);
  assertEquals([await client.code, await server.code], [0, 0], client.stderr + server.stderr);
  assertMatch(client.stdout, /^the server sent: welcome\n10 pings/);
  assert(server.stdout.includes(`the client sent: ${hello}\nserved 10 rounds`), server.stdout);
});

Deno.test("rping: the death of the client ends the server with a named error", async () => {
  const { place, there } = await freshAddress();
  await using server = ours("server", place, "--verbose", "--count", ENDLESS);
  await server.prints("listening at");
  await using client = theirs("-c", ...there);
  await server.prints("rdma-ping-20:");
  await ends(
    server,
    () => client.kill("SIGKILL"),
    LOST_CLIENT,
  );
});

Deno.test("rping: the death of the server ends the client with a named error", async () => {
  const { place, there } = await freshAddress();
  await using server = theirs("-s", ...there);
  await using client = await firstOfOurs("client", place, "--verbose", "--count", ENDLESS);
  await client.prints("rdma-ping-20:");
  await ends(
    client,
    () => server.kill("SIGKILL"),
    LOST_SERVER,
  );
});

Deno.test("rping: a stopped server ends the client after its timeout", async () => {
  const { place, there } = await freshAddress();
  await using server = theirs("-s", ...there);
  const args = ["--verbose", "--count", ENDLESS, "--timeout", "2"];
  await using client = await firstOfOurs("client", place, ...args);
  await client.prints("rdma-ping-20:");
  await ends(
    client,
    () => server.kill("SIGSTOP"),
    /^rping: Cannot get the server's confirmation .*: the peer sent nothing for 2 s \(silent\)\n$/,
  );
});

Deno.test("rping: a ping longer than the server allows is refused with a named error", async () => {
  const { place, there } = await freshAddress();
  await using server = ours("server", place, "--size", "1000");
  await server.prints("listening at");
  await using client = theirs("-c", ...there, "-S", "1001");
  assertEquals([await server.code, server.stderr], [
    1,
    "rping: Cannot accept ping 0: it has 1001 bytes, 1 to 1000 are allowed (--size) (protocol)\n",
  ]);
  await client.code; // it was disconnected
});

Deno.test("rping: an address without a listener is refused with a named error", async () => {
  const { place } = await freshAddress();
  await using client = ours("client", place);
  assertEquals(await client.code, 1);
  assertEquals(
    client.stderr,
    `rping: Cannot connect to verbs://${place}: no listener at this address (refused)\n`,
  );
});

Deno.test("rping: a signal ends a server that waits for a client", async () => {
  const { place } = await freshAddress();
  await using server = ours("server", place);
  await server.prints("listening at");
  await ends(
    server,
    () => server.kill("SIGTERM"),
    /^rping: Interrupted by SIGTERM\n$/,
  );
});
