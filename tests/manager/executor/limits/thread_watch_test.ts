/** The bound of the threads of a process. */

import { assertEquals } from "@std/assert";
import { openLibc } from "../../../../ffi/libc.ts";
import { ThreadWatch } from "../../../../manager/executor/limits/thread_watch.ts";
import type { EndReason } from "../../../../runtime/protocol/end_reason.ts";
import { until } from "../../../support/waiting.ts";

Deno.test("`ThreadWatch` reports a process that has more threads than allowed, once", async () => {
  const libc = openLibc();
  const reasons: EndReason[] = [];
  using few = new ThreadWatch(libc, 1);
  using many = new ThreadWatch(libc);
  few.watch(Deno.pid, (reason) => void reasons.push(reason));
  const leave = many.watch(Deno.pid, (reason) => void reasons.push(reason));
  await until(() => reasons.length > 0, () => "the report");
  await new Promise((resolve) => setTimeout(resolve, 600)); // another reading
  leave();
  assertEquals(reasons.map(({ code, limit }) => [code, limit]), [["limit", "threads"]]);
  libc.close();
});
