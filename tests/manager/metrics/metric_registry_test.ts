import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { NODE_METRICS } from "../../../manager/executor/metrics/node_metrics.ts";
import { type MetricTable, SECONDS_BUCKETS, secondsFrom } from "../../../manager/metrics/metric.ts";
import { MetricRegistry } from "../../../manager/metrics/metric_registry.ts";
import { RESOURCE_METRICS } from "../../../manager/resource/metrics/resource_metrics.ts";
import { seriesOf } from "../../support/manager/scrape.ts";

const TABLE: MetricTable<{ readonly size: number }> = {
  test_size_bytes: { type: "gauge", unit: "bytes", help: "The size", read: ({ size }) => size },
  test_lamps: {
    type: "gauge",
    unit: "lamps",
    help: "Lamps",
    labels: { state: ["on", "off"] },
    read: ({ size }): Record<string, number> => size > 1 ? { on: size } : { off: size },
  },
  test_steps_total: {
    type: "counter",
    unit: "steps",
    help: "Steps",
    read: ({ size }) => 2 * size,
  },
  test_calls_total: {
    type: "counter",
    unit: "calls",
    help: "Calls",
    labels: { route: ["a"], code: ["ok"] },
  },
  test_wait_seconds: {
    type: "histogram",
    unit: "seconds",
    help: "The wait",
    labels: { outcome: ["ok"] },
    buckets: [0.001, 1],
  },
};

Deno.test("`MetricRegistry.text()` has what is read at the time, and what was recorded before", async () => {
  const registry = new MetricRegistry(TABLE);
  registry.observe("test_calls_total", 1, "a", "ok");
  registry.observe("test_calls_total", 2, "a", "ok");
  registry.observe("test_wait_seconds", 0.5, "ok");
  await registry.text({ size: 4 });
  const text = await registry.text({ size: 1 });
  assertEquals(Object.fromEntries(seriesOf(text)), {
    "test_size_bytes": 1,
    'test_lamps{state="off"}': 1, // and none of the time before
    "test_steps_total": 2,
    'test_calls_total{route="a",code="ok"}': 3,
    'test_wait_seconds_bucket{le="0.001",outcome="ok"}': 0,
    'test_wait_seconds_bucket{le="1",outcome="ok"}': 1,
    'test_wait_seconds_bucket{le="+Inf",outcome="ok"}': 1,
    'test_wait_seconds_sum{outcome="ok"}': 0.5,
    'test_wait_seconds_count{outcome="ok"}': 1,
  });
  assertMatch(text, /^# HELP test_size_bytes The size, in bytes\n# TYPE test_size_bytes gauge$/m);
});

Deno.test("`MetricRegistry.observe()` keeps the number of series bounded, whatever the values of labels", async () => {
  const registry = new MetricRegistry(TABLE);
  for (const value of ['"} 1\nforged_total 7', "\u001b[31m", "\u202e", "b", ""]) {
    registry.observe("test_calls_total", 1, value, value);
    registry.observe("test_wait_seconds", 1, value);
  }
  registry.observe("test_calls_total", 1);
  const calls = [...seriesOf(await registry.text({ size: 1 }))].filter(([name]) =>
    name.includes("calls") || name.includes("count") || name.includes("forged")
  );
  assertEquals(calls, [
    ['test_calls_total{route="other",code="other"}', 6],
    ['test_wait_seconds_count{outcome="ok"}', 0],
    ['test_wait_seconds_count{outcome="other"}', 5],
  ]);
  assertThrows(() => registry.observe("test_none", 1), TypeError, "no metric test_none");
});

Deno.test("`secondsFrom()` has steps of 1, 2.5 and 5 up to 10 s", () => {
  assertEquals(secondsFrom(-1), [0.1, 0.25, 0.5, 1, 2.5, 5, 10]);
  assertEquals(secondsFrom(-7)[0], 1e-7);
  assertEquals(SECONDS_BUCKETS.length, 16);
});

Deno.test("each metric has a name in base units, a text, a unit, and labels without ids", () => {
  for (const [name, metric] of Object.entries({ ...RESOURCE_METRICS, ...NODE_METRICS })) {
    const { type, unit, help, labels = {} } = metric;
    assertMatch(name, /^(rfaas_(cluster|manager|node)|rfaas_build|process)(_[a-z]+)+$/);
    assertEquals(name.endsWith("_total"), type === "counter", name);
    const base = name.replace(/_total$/, "");
    for (const each of ["seconds", "bytes"]) {
      assertEquals(base.endsWith(`_${each}`), unit === each, `${name} in ${unit}`);
    }
    assertMatch(help, /^[A-Z][^\n]+[^.\s]$/, name);
    for (const [label, values] of Object.entries(labels)) {
      assertMatch(label, /^[a-z]+$/);
      assert(!["node", "lease", "client", "worker", "id", "name"].includes(label), name);
      assert(values.length > 0 && values.length <= 32, name);
      assertEquals(values.length, new Set(values).size, name);
    }
  }
});
