/** The rping of examples/ and rdma-core's own on two hosts joined by a cable. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { bootPair, type Machine } from "../../scripts/vm/machine.ts";
import { onceListening, ourRping, pingLines, Program } from "../support/rping.ts";

const ROUNDS = 1000;
const BYTES = 64;
/** Rounds that no test waits for. */
const ENDLESS = "100000000";
/** How long a program may run, in a machine that is emulated on a busy host. */
const PROGRAM_MS = 300_000;
/** How soon an end must know that the cable was cut. */
const NOTICED_MS = 60_000;

Deno.test("rping of rdma-core and ours ping each other across two hosts", async (t) => {
  await using pair = await bootPair();
  const { one, two } = pair;
  const start = (machine: Machine, command: readonly [string, ...string[]]) =>
    new Program(machine.spawn(command), PROGRAM_MS);
  const [count, size] = [`${ROUNDS}`, `${BYTES}`];

  await t.step(`theirs serves ours: ${count} rounds of ${size} bytes`, async () => {
    await using server = start(one, ["rping", "-s", "-a", one.address, "-S", size, "-v"]);
    const args = ["--count", count, "--size", size, "--verbose"];
    const command = ourRping("client", one.address, ...args);
    await using client = await onceListening(() => start(two, command), PROGRAM_MS);
    assertEquals([await client.code, client.stderr], [0, ""]);
    assertEquals(await server.code, 0, server.stderr);
    assertMatch(server.stderr, /^server DISCONNECT EVENT/);
    assertEquals(server.stdout, pingLines("server ping data", ROUNDS, BYTES));
    const pongs = pingLines("ping data", ROUNDS, BYTES);
    assertEquals(client.stdout.slice(0, pongs.length), pongs);
  });

  await t.step(`theirs pings ours: ${count} rounds of ${size} bytes`, async () => {
    await using server = start(one, ourRping("server", one.address, "--count", count, "--verbose"));
    await server.prints("listening at");
    const args = ["-a", one.address, "-C", count, "-S", size, "-v", "-V"];
    await using client = start(two, ["rping", "-c", ...args]);
    assertEquals(await client.code, 0, client.stderr);
    assertEquals([await server.code, server.stderr], [0, ""]);
    assertEquals(client.stdout, pingLines("ping data", ROUNDS, BYTES));
    assertEquals(
      server.stdout,
      `listening at verbs://${one.address}:7174\n${pingLines("server ping data", ROUNDS, BYTES)}` +
        `served ${count} rounds, every byte checked\n`,
    );
  });

  await t.step("ours pings ours, and what either says arrives", async () => {
    await using server = start(two, ourRping("server", two.address, "--say", "welcome"));
    await server.prints("listening at");
    await using client = start(one, ourRping("client", two.address, "--say", "hello"));
    assertEquals([await client.code, await server.code], [0, 0], client.stderr + server.stderr);
    assertMatch(client.stdout, /^the server says: welcome\n10 pings/);
    assertMatch(server.stdout, /\nthe client says: hello\nserved 10 rounds/);
  });

  await t.step("a cut cable ends ours with a name, as client and as server", async () => {
    await using theirServer = start(one, ["rping", "-s", "-a", one.address, "-p", "7001"]);
    const command = ourRping("client", `${one.address}:7001`, "--count", ENDLESS, "--verbose");
    await using client = await onceListening(() => start(two, command), PROGRAM_MS);
    const args = [`${one.address}:7002`, "--count", ENDLESS, "--verbose"];
    await using server = start(one, ourRping("server", ...args));
    await server.prints("listening at");
    await using theirClient = start(two, ["rping", "-c", "-a", one.address, "-p", "7002"]);
    await Promise.all([client.prints("rdma-ping-20:"), server.prints("rdma-ping-20:")]);
    const cutMs = performance.now();
    await one.cutLink();
    for (const end of [client, server]) {
      assertEquals(await end.code, 1);
      assertMatch(end.stderr, /^rping: Cannot .*: .+ \((gone|silent)\)\n$/);
      assert(performance.now() - cutMs < NOTICED_MS, `${performance.now() - cutMs} ms`);
    }
    await Promise.all([theirServer.kill("SIGKILL"), theirClient.kill("SIGKILL")]);
  });
});
