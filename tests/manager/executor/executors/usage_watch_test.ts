/** A process that ends itself is billed up to its end, although no bill was written meanwhile. */

import { assert } from "@std/assert";
import { openLibc } from "../../../../ffi/libc.ts";
import { processTimeNs } from "../../../../ffi/process_time.ts";
import { ExecutorUsage } from "../../../../manager/executor/executors/executor_usage.ts";
import { UsageWatch } from "../../../../manager/executor/executors/usage_watch.ts";

/** The processor time of this process's children that have ended, in milliseconds (`man 5 proc_pid_stat`). */
function childrenMs(): number {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  const [user, system] = stat.slice(stat.lastIndexOf(")")).split(" ").slice(14, 16).map(Number);
  return 10 * (user! + system!); // 100 ticks a second
}

Deno.test("a process that ends itself is counted up to its end", async () => {
  const libc = openLibc();
  using watch = new UsageWatch();
  const beforeMs = childrenMs();
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; kill -9 "$$"'],
  }).spawn();
  const usage = new ExecutorUsage({ read: () => 0n }, () => processTimeNs(libc, child.pid));
  const leave = watch.watch(() => usage.spentNs);
  await child.status;
  leave();
  libc.close();
  const usedMs = childrenMs() - beforeMs;
  const countedMs = Number(usage.read().computeNs) / 1e6;
  assert(usedMs > 100, `it used ${usedMs} ms`);
  assert(countedMs > usedMs * 0.7, `${countedMs} of ${usedMs} ms are counted`);
});
