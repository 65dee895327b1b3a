/** A real Prometheus scrapes both managers under load, and evaluates the alerts and the dashboard. */

import { assert, assertEquals } from "@std/assert";
import dashboard from "../../../integrations/prometheus/dashboards/rfaas.json" with {
  type: "json",
};
import { startCluster } from "../../support/cluster/cluster.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { needsPrometheus, Prometheus, promtool } from "../../support/manager/prometheus.ts";
import { until } from "../../support/waiting.ts";

const FOLDER = new URL("../../../integrations/prometheus/", import.meta.url);
const ignore = needsPrometheus !== "";
/** Panels without data in a healthy cluster. */
const MAY_BE_EMPTY = ["Errors by code", "Ends of leases by reason"];

/** The expressions of the dashboard, by panel. */
const expressions = dashboard.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr }))
);

Deno.test({
  name: `the alert rules and their example configuration pass promtool${needsPrometheus}`,
  ignore,
  fn: async () => {
    for (
      const args of [["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]]
    ) {
      const { code, text } = await promtool(args, { cwd: FOLDER });
      assertEquals(code, 0, text);
    }
    const rules = await Deno.readTextFile(new URL("rules.yml", FOLDER));
    const tests = await Deno.readTextFile(new URL("rules_test.yml", FOLDER));
    for (const [, alert] of rules.matchAll(/- alert: (\w+)/g)) {
      assertEquals(
        tests.split(new RegExp(`alertname: ${alert}\\b`)).length,
        3,
        `tests of ${alert}`,
      );
    }
  },
});

Deno.test({
  name:
    `a Prometheus that scrapes both managers under load has what alerts and panels need${needsPrometheus}`,
  ignore,
  fn: async () => {
    await using cluster = await startCluster({ metrics: true });
    const urls = {
      "rfaas-resource-manager": cluster.resourceManager.metricsUrl!,
      "rfaas-executor-manager": cluster.nodes[0]!.metricsUrl!,
    };
    for (const [job, url] of Object.entries(urls)) {
      const response = await fetch(`${url}/metrics`);
      const { code, text } = await promtool(["check", "metrics"], { input: await response.text() });
      assertEquals({ code, text }, { code: 0, text: "" }, job);
    }
    const targets = Object.entries(urls).map(([job, url]) => [job, new URL(url).host]);
    await using prometheus = await Prometheus.start(
      Object.fromEntries(targets),
      new URL("rules.yml", FOLDER),
    );
    const client = await cluster.connect();
    const functions = await functionsPackage();
    await using held = await client.lease({ functions, workers: 2 });
    let calling = true;
    const load = (async () => {
      while (calling) {
        await using lease = await client.lease({ functions });
        for (let at = 0; at < 100; at++) await lease.invoke("echo", new Uint8Array(64));
        await held.invoke("echo", new Uint8Array(64));
      }
    })();
    try {
      let empty: unknown[] = [];
      const hasAll = async () => {
        empty = [];
        for (const { title, expr } of expressions) {
          const samples = await prometheus.query(expr.replaceAll("$__rate_interval", "5s"));
          const isEmpty = samples.length === 0 || samples.some(({ value }) => Number.isNaN(value));
          if (isEmpty && !MAY_BE_EMPTY.includes(title)) empty.push({ title, expr });
        }
        return empty.length === 0;
      };
      await until(hasAll, () => `each panel has data, not ${JSON.stringify(empty)}`, 15_000);
      const [cores] = await prometheus.query("sum(rfaas_node_cores_allocated)");
      assert(cores!.value >= 2);
      const [granted] = await prometheus.query(
        'rfaas_manager_requests_total{route="POST /v1/leases",code="ok"}',
      );
      assert(granted!.value >= 2);
    } finally {
      calling = false;
      await load;
    }
    const rules = await prometheus.rules();
    assertEquals(rules.length, 11);
    assertEquals(rules.filter(({ health, state }) => health !== "ok" || state !== "inactive"), []);
  },
});
