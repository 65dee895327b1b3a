import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { AddressUnavailableError } from "../../../manager/http/listen.ts";
import { getLogger } from "../../../manager/log.ts";
import type { MetricTable } from "../../../manager/metrics/metric.ts";
import { MetricsEndpoint, type MetricsOptions } from "../../../manager/metrics/metrics_endpoint.ts";
import { scrape } from "../../support/manager/scrape.ts";

const listen = "http://127.0.0.1:0";
const log = getLogger(["rfaas", "test"]);
const TABLE: MetricTable<number> = {
  test_reads: { type: "gauge", unit: "reads", help: "Reads", read: (reads) => reads },
};

async function open(options?: MetricsOptions) {
  return await MetricsEndpoint.open(TABLE, options, log);
}

async function statusOf(url: string, init?: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

Deno.test("MetricsEndpoint serves GET /metrics and nothing else", async () => {
  await using metrics = await open({ listen });
  assertEquals(metrics.url, undefined);
  await metrics.serve(() => 3);
  const response = await fetch(`${metrics.url}/metrics`);
  assertEquals(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assertEquals(
    await response.text(),
    "# HELP test_reads Reads\n# TYPE test_reads gauge\ntest_reads 3\n",
  );
  assertEquals(await statusOf(`${metrics.url}/`), 404);
  assertEquals(await statusOf(`${metrics.url}/v1/health`), 404);
  assertEquals(await statusOf(`${metrics.url}/metrics`, { method: "POST", body: "x" }), 405);
});

Deno.test("MetricsEndpoint requires its token, if it has one", async () => {
  await using metrics = await open({ listen, token: "secret" });
  await metrics.serve(() => 1);
  const url = metrics.url!;
  for (const authorization of ["", "Bearer", "Bearer Secret", "Bearer secret2", "secret"]) {
    assertEquals(await statusOf(`${url}/metrics`, { headers: { authorization } }), 401);
  }
  assertEquals(await statusOf(`${url}/metrics`), 401);
  assertEquals((await scrape(url, "secret")).get("test_reads"), 1);
});

Deno.test("MetricsEndpoint reads at most four times a second, however many requests come", async () => {
  let reads = 0;
  await using metrics = await open({ listen });
  await metrics.serve(() => ++reads);
  const startMs = performance.now();
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 10 }, () => scrape(metrics.url!)));
  }
  const most = 1 + Math.floor((performance.now() - startMs) / 250);
  assertEquals(reads <= most, true, `${reads} reads, at most ${most}`);
});

Deno.test("MetricsEndpoint responds with 500 if the figures cannot be read", async () => {
  await using metrics = await open({ listen });
  await metrics.serve(() => Promise.reject(new Error("a secret reason")));
  const response = await fetch(`${metrics.url}/metrics`);
  assertEquals(response.status, 500);
  assertMatch(await response.text(), /^Cannot serve metrics: the manager failed/);
});

Deno.test("`MetricsEndpoint.serve()` fails if the address is in use, or needs a certificate", async () => {
  await using first = await open({ listen });
  await first.serve(() => 1);
  await using second = await open({ listen: first.url! });
  await assertRejects(() => second.serve(() => 1), AddressUnavailableError, "another process");
  await using secure = await open({ listen: "https://127.0.0.1:0" });
  await assertRejects(() => secure.serve(() => 1), AddressUnavailableError, "needs a certificate");
});

Deno.test("MetricsEndpoint without options keeps and serves nothing", async () => {
  await using metrics = await open();
  metrics.observe("test_none", 1);
  await metrics.serve(() => 1);
  assertEquals(metrics.url, undefined);
});
