/** Reasons as a node reports them. */

import { assert, assertEquals } from "@std/assert";
import { leaseReportSchema, reportedReason } from "../../../runtime/http/manager_api.ts";
import * as v from "../../../runtime/valibot.ts";

Deno.test("`reportedReason()` turns any reason into one that a report may have", () => {
  for (const text of ["Grüße", "two\nlines", "\u{1f4a5}", "x".repeat(1000)]) {
    const report = {
      epoch: 1,
      state: "ended",
      workers: 1,
      reason: reportedReason(`crashed: Uncaught Error: ${text}`),
    };
    assert(v.safeParse(leaseReportSchema, report).success, report.reason);
  }
  assertEquals(reportedReason("crashed: Grüße\n"), "crashed: Gr??e?");
});
