/** What holds when a client ends: in order, in the middle of something, or by force. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { TestProcess } from "../support/process_child.ts";
import { ProcessHost } from "../support/process_host.ts";
import { holdings, rfaasSockets, shmFiles, until } from "../support/process_table.ts";
import { termSeconds } from "../support/time_factor.ts";

const silent = { code: 0, signal: null, stderr: "" };

/** All that its manager holds, and the sockets of the host. */
function held(host: ProcessHost) {
  const { sockets: _kept, ...rest } = holdings(host.node.pid); // HTTP keeps one or two open for a while
  return {
    ...rest,
    sockets: rfaasSockets(host.node.pid),
    manager: holdings(host.resourceManager.pid).segments,
    files: shmFiles(),
  };
}

Deno.test("a client killed with SIGKILL leaves nothing behind, whatever it was doing", async (t) => {
  await using host = await ProcessHost.start();
  { // one lease in peace, so that what is opened once is open
    await using client = await host.connect();
    await using lease = await host.lease(client);
    await lease.invoke("echo", new Uint8Array(1));
  }
  await host.idle();
  await until(() => rfaasSockets(host.node.pid) === 1, () => "only the listener is left");
  const before = held(host);
  for (const mode of ["idle", "hotLoop", "spinSync", "map"]) {
    await t.step(mode, async () => {
      await using client = host.startClient(mode, { workers: 2 });
      await client.line();
      const pid = await host.executor();
      assertEquals(await host.freeCores(), 2);
      client.signal("SIGKILL");
      const sinceMs = performance.now();
      await until(() => !host.executors().includes(pid), () => "its executor ends", 1000);
      const endedMs = performance.now() - sinceMs;
      await host.idle(3000);
      console.log(
        `client killed, ${mode}: executor ended after ${endedMs.toFixed(0)} ms, cores free after ${
          (performance.now() - sinceMs).toFixed(0)
        } ms`,
      );
      await same(host, before);
    });
  }
  for (const leases of [0, 1, 2]) {
    await t.step(`while it takes a lease (${leases} before)`, async () => {
      await using client = host.startClient("leasing", { workers: 2 });
      for (let i = 0; i < leases; i++) await client.line();
      if (leases === 0) {
        await until(async () => await host.freeCores() < 4, () => "a lease is being taken");
      }
      client.signal("SIGKILL");
      await host.idle(3500); // a candidate that nobody claims lapses after two seconds
      await same(host, before);
    });
  }
});

async function same(host: ProcessHost, before: ReturnType<typeof held>): Promise<void> {
  const equal = () => JSON.stringify(held(host)) === JSON.stringify(before);
  await until(equal, () => "the manager holds what it held", 2000)
    .catch(() => assertEquals(held(host), before));
}

Deno.test("a client that ends by itself leaves nothing, and says nothing that it was not asked", async (t) => {
  await using host = await ProcessHost.start();
  const ends = async (
    mode: string,
    drive: (client: TestProcess) => Promise<void> | void,
    lease = {},
  ) => {
    await using client = host.startClient(mode, lease);
    await drive(client);
    const end = await client.ended();
    await host.idle();
    return end;
  };

  await t.step("by an error that nobody caught, with calls under way", async () => {
    const { code, stderr } = await ends("throws", () => {});
    assertEquals(code, 1);
    assertMatch(stderr, /^error: Uncaught \(in promise\) Error: on purpose/);
  });

  await t.step("by Deno.exit, with calls under way", async () => {
    assertEquals(await ends("exits", () => {}), { ...silent, code: 3 });
  });

  await t.step("by Ctrl-C", async () => {
    const { signal, stderr } = await ends("idle", async (client) => {
      await client.line();
      client.signal("SIGINT");
    });
    assertEquals([signal, stderr], ["SIGINT", ""]);
  });

  await t.step("by closing its lease and itself, each twice, with calls under way", async () => {
    const end = await ends("closeUnderWay", async (client) => {
      const { outcomes, later, events } = await client.line<Record<string, string[]>>();
      assertEquals(new Set(outcomes), new Set(["LeaseOver"]));
      assertEquals(outcomes!.length, 21);
      assertEquals(later, ["LeaseOver", "TypeError"]);
      assertEquals(events, ["closed"]);
    }, { workers: 2 });
    assertEquals(end, silent);
  });

  await t.step("by closing only itself, with calls under way", async () => {
    const end = await ends("closeClient", async (client) => {
      const { outcomes, closed } = await client.line<{ outcomes: string[]; closed: string }>();
      assertEquals(new Set(outcomes), new Set(["LeaseOver"]));
      assertEquals(closed, "closed by the client");
    });
    assertEquals(end, silent);
  });

  await t.step("by closing while its lease recovers", async () => {
    const end = await ends("closeInRecovery", async (client) => {
      await client.line();
      Deno.kill(await host.executor(), "SIGKILL");
      const told = await client.line<{ outcomes: string[]; waited: string[] }>();
      for (const one of told.outcomes) assert(["ExecutorLost", "LeaseOver"].includes(one), one);
      assertEquals(told.waited, ["LeaseOver"]);
    }, { depth: 4 });
    assertEquals(end, silent);
  });

  await t.step("by giving up leases while it takes them", async () => {
    const end = await ends("abortLeasing", async (client) => {
      const { names } = await client.line<{ names: string[] }>();
      assert(names.includes("given up"), `${names}`);
      assert(names.every((name) => name === "given up" || name === "taken"), `${names}`);
      assertEquals((await client.line()).echoed, 64);
    });
    assertEquals(end, silent);
  });

  await t.step("by closing while it takes leases", async () => {
    const end = await ends("closeInLeasing", async (client) => {
      const { outcomes } = await client.line<{ outcomes: string[] }>();
      assertEquals(outcomes, Array(3).fill("LeaseRefused"));
    });
    assertEquals(end, silent);
  });

  await t.step("after its lease has run out, with calls under way", async () => {
    const end = await ends("outlives", async (client) => {
      await client.line();
      const { closed, outcomes } = await client.line<{ closed: string; outcomes: string[] }>();
      assertMatch(closed, /^expired/);
      assertEquals(outcomes, ["LeaseOver", "LeaseOver"]);
    }, { seconds: termSeconds(2), renew: false });
    assertEquals(end, silent);
  });
});
