/** The rping of examples/ and rdma-core's own on two hosts joined by a cable. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Machine, MachinePair } from "../../../scripts/vm/machine.ts";
import { onceListening, ourRping, pingLines, Program } from "../fabric/rping.ts";

const ROUNDS = 100;
const BYTES = 64;
/** More rounds than any test waits for. */
const ENDLESS = "100000000";
/** How long a program may run in an emulated machine on a busy host. */
const PROGRAM_MS = 300_000;
/** How soon an end must notice that the cable was cut. */
const NOTICED_MS = 60_000;

/** The rping of rdma-core and ours ping each other. */
export async function rpingSteps(t: Deno.TestContext, { one, two }: MachinePair): Promise<void> {
  const start = (machine: Machine, command: readonly [string, ...string[]]) =>
    new Program(machine.spawn(command), PROGRAM_MS);
  const [count, size] = [`${ROUNDS}`, `${BYTES}`];

  await t.step(`rdma-core's serves ours: ${count} rounds of ${size} bytes`, async () => {
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

  await t.step(`rdma-core's pings ours: ${count} rounds of ${size} bytes`, async () => {
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

  await t.step("a cut cable ends ours with a named error, as client and as server", async () => {
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
    try {
      for (const end of [client, server]) {
        assertEquals(await end.code, 1);
        assertMatch(end.stderr, /^rping: Cannot .*: .+ \((gone|silent)\)\n$/);
        assert(performance.now() - cutMs < NOTICED_MS, `${performance.now() - cutMs} ms`);
      }
    } finally {
      await one.restoreLink();
    }
    await Promise.all([theirServer.kill("SIGKILL"), theirClient.kill("SIGKILL")]);
  });
}
