/** What the stream of the dashboard sends to whom, over HTTP. scope_test.ts has the rest. */
import { assertEquals } from "@std/assert";
import type { ShownChange } from "../../../../manager/resource/ui/shown_cluster.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { until } from "../../../support/waiting.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };

/** An open stream, as the page of a token has it. */
async function openStream(url: string, token: string) {
  const headers = { authorization: `Bearer ${token}` };
  const { body } = await fetch(`${url}/ui/live`, { headers });
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  return {
    /** The clients whose leases and requests the next message names. */
    async next() {
      while (!text.includes("\n\n")) {
        const { value, done } = await reader.read();
        if (done) throw new Error("Cannot read the next message: the stream has ended");
        text += value;
      }
      const at = text.indexOf("\n\n");
      const { whole, leases, waiting } = JSON.parse(
        text.slice("data: ".length, at),
      ) as ShownChange;
      text = text.slice(at + 2);
      const clients = (all: readonly { client: string }[]) =>
        all.map(({ client }) => client).sort();
      return { whole, leases: clients(leases), waiting: clients(waiting) };
    },
    [Symbol.asyncDispose]: () => reader.cancel(),
  };
}

Deno.test("the stream has the header by which a proxy passes on each message at once", async () => {
  await using test = await TestManager.start();
  const headers = { authorization: `Bearer ${test.token("operator")}` };
  const response = await fetch(`${test.url}/ui/live`, { headers });
  await response.body!.cancel();
  const named = ["content-type", "cache-control", "x-accel-buffering"];
  assertEquals(named.map((name) => response.headers.get(name)), [
    "text/event-stream",
    "no-store",
    "no",
  ]);
});

Deno.test("each client's stream names its own leases and requests, beside streams of others", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const { node, epoch } = await test.register("a", { cores: 3 });
  const { token } = await test.operator.createToken({ role: "client", name: "ada" });
  using ada = new ManagerClient({ url: test.url, token });
  const gone = new AbortController();
  const claim = async (client: ManagerClient) => {
    const { lease } = await client.takeLease(small);
    await test.node.reportLease(node, lease, { epoch, state: "claimed", workers: 1 });
    return lease;
  };
  await claim(ada);
  const free = [await claim(test.client), await claim(test.client)];
  const waits = [ada, test.client].map((client) =>
    client.takeLease({ ...small, workers: 3, waitMs: 60_000 }, gone.signal).catch(() => {})
  );
  await using operators = await openStream(test.url, test.token("operator"));
  await until(async () => (await operators.next()).waiting.length === 2, () => "both wait");
  await using adas = await openStream(test.url, token);
  await using others = await openStream(test.url, test.token("client"));
  await using again = await openStream(test.url, test.token("operator"));
  const own = (client: string, leases: number) => ({
    whole: true,
    leases: Array.from({ length: leases }, () => client),
    waiting: [client],
  });
  assertEquals(await adas.next(), own("ada", 1));
  assertEquals(await others.next(), own("client", 2));
  assertEquals(await again.next(), {
    whole: true,
    leases: ["ada", "client", "client"],
    waiting: ["ada", "client"],
  });
  for (const lease of free) await test.client.releaseLease(lease);
  await claim(test.client);
  const added = async (stream: typeof adas) => {
    for (;;) {
      const { leases } = await stream.next();
      if (leases.length > 0) return new Set(leases);
    }
  };
  assertEquals(await added(others), new Set(["client"]));
  await claim(ada);
  assertEquals(await added(adas), new Set(["ada"]));
  gone.abort();
  await Promise.all(waits);
});
