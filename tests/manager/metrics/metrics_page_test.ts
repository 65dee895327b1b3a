/** docs/observability.md, against the tables of metrics. */

import { assertEquals } from "@std/assert";
import { NODE_METRICS } from "../../../manager/executor/metrics/node_metrics.ts";
import type { Metric } from "../../../manager/metrics/metric.ts";
import { PROCESS_METRICS } from "../../../manager/metrics/process_metrics.ts";
import { RESOURCE_METRICS } from "../../../manager/resource/metrics/resource_metrics.ts";

const page = await Deno.readTextFile(new URL("../../../docs/observability.md", import.meta.url));

/** The rows of a section: the cells without their padding. */
function rowsOf(section: string): string[][] {
  const [text = ""] = page.split(/^(?=## )/m).filter((part) => part.startsWith(`## ${section}\n`));
  return [...text.matchAll(/^\| `.*$/gm)].map(([row]) =>
    row.split("|").slice(1, -1).map((cell) => cell.trim())
  );
}

function expectedRows(
  table: Readonly<Record<string, Pick<Metric<never>, "type" | "unit" | "help" | "labels">>>,
) {
  return Object.entries(table).map(([name, { type, unit, help, labels = {} }]) => {
    const names = Object.keys(labels).map((label) => `\`${label}\``).join(", ");
    return [`\`${name}\``, type, unit, names || "none", help];
  });
}

function own<T extends object>(table: T): T {
  const entries = Object.entries(table).filter(([name]) => !(name in PROCESS_METRICS));
  return Object.fromEntries(entries) as T;
}

Deno.test("docs/observability.md lists each metric with its type, unit, labels and meaning", () => {
  assertEquals(rowsOf("The resource manager"), expectedRows(own(RESOURCE_METRICS)));
  assertEquals(rowsOf("The executor manager"), expectedRows(own(NODE_METRICS)));
  assertEquals(rowsOf("Both"), expectedRows(PROCESS_METRICS));
});
