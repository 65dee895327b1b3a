/** What both managers log about a lease. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { configure, type LogRecord, reset } from "../../../../manager/log.ts";
import { ManagerClient } from "../../../../runtime/http/manager_client.ts";
import { startCluster } from "../../../support/cluster/cluster.ts";
import { EXIT, faultyFunctions, OK } from "../../../support/functions/faulty_functions.ts";
import { until } from "../../../support/waiting.ts";

Deno.test("each log record about a lease has its id and its part of the manager, and none a secret", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => records.push(record) },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "error" },
      { category: ["rfaas"], sinks: ["kept"], lowestLevel: "debug" },
    ],
  });
  try {
    await using cluster = await startCluster();
    await using client = await cluster.connect();
    const lease = await client.lease({ functions: faultyFunctions });
    await lease.invoke("work", Uint8Array.of(EXIT)).catch(() => {});
    await lease.invoke("work", Uint8Array.of(OK));
    using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
    const eventNamed = async (name: string) =>
      (await operator.events()).events.find(({ event }) => event === name);
    const id = (await eventNamed("lease-granted"))?.lease;
    await until(
      async () => await eventNamed("executor-ended") !== undefined,
      () => "the end of the executor is an event",
    );
    const ended = (await eventNamed("executor-ended"))!;
    assertEquals([ended.lease, ended.worker, ended.generation], [id, 0, 1]);
    assertMatch(`${ended.code}: ${ended.message}`, /^[a-z]+: /);
    await lease.close();
    const about = () => records.filter(({ message }) => /\ba?lease\b/.test(message.join("")));
    const phases = ["gets its executor", "is served by", "of worker 0", "has ended"];
    await until(() => {
      const texts = about().map(({ message }) => message.join(""));
      return phases.every((phase) => texts.some((text) => text.includes(phase)));
    }, () => JSON.stringify(about()));
    const others = /waited for a lease|no lease|leases/;
    for (const { message, properties, category } of about()) {
      const text = message.join("");
      if (others.test(text)) continue;
      assertEquals(properties.lease, id, text);
      assertEquals(category.length, 3, `${category}`);
    }
    const tokens = [cluster.operatorToken, cluster.clientToken];
    const all = JSON.stringify(records);
    for (const secret of [...tokens, "rfaas_node_", "private"]) assert(!all.includes(secret));
  } finally {
    await reset();
  }
});
