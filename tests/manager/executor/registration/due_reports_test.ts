import { assertEquals } from "@std/assert";
import {
  DueReports,
  type DueReportsOptions,
} from "../../../../manager/executor/registration/due_reports.ts";

/** Reports with the numbers from 1 to 5 that wait. */
function fiveReports(options: DueReportsOptions) {
  const reports = new DueReports<{ n: number }>(options);
  for (const n of [1, 2, 3, 4, 5]) reports.add({ n });
  return reports;
}
const numbers = (reports: readonly { n: number }[]) => reports.map(({ n }) => n);

Deno.test("`DueReports` repeats reports until they are acknowledged, the oldest ones first", () => {
  const reports = fiveReports({ max: 5, perHeartbeat: 2, drop: "newest" });
  const due = reports.due();
  assertEquals([numbers(due), numbers(reports.due())], [[1, 2], [1, 2]]);
  reports.acknowledge(due);
  assertEquals(numbers(reports.due()), [3, 4]);
  reports.acknowledge([]);
  reports.acknowledge(due);
  assertEquals(numbers(reports.due()), [3, 4]);
});

Deno.test("`DueReports` drops the newest or the oldest of too many reports", () => {
  const oldest = fiveReports({ max: 3, perHeartbeat: 3, drop: "newest" });
  assertEquals(numbers(oldest.due()), [1, 2, 3]);
  const newest = fiveReports({ max: 3, perHeartbeat: 3, drop: "oldest" });
  const due = newest.due();
  assertEquals(numbers(due), [3, 4, 5]);
  newest.add({ n: 6 }); // while the heartbeat is on its way
  newest.acknowledge(due);
  assertEquals(numbers(newest.due()), [6]);
});
