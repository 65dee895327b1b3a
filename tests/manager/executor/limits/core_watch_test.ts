/** Which processes keep to one core, on a host that has more busy threads than cores. */

import { assertEquals } from "@std/assert";
import { availableParallelism } from "node:os";
import { allowedCores } from "../../../../ffi/affinity.ts";
import { type Libc, openLibc } from "../../../../ffi/libc.ts";
import { processTimeNs } from "../../../../ffi/process_time.ts";
import { CoreWatch } from "../../../../manager/executor/limits/core_watch.ts";
import { until } from "../../../support/waiting.ts";

const cores = availableParallelism();
/** Between two readings. */
const EVERY_MS = 150;
const needs = cores < 2 ? " (needs two cores)" : "";

/** A process with threads that spin, whose main thread wakes as often as that of an executor. */
const SPINS = `
  for (let i = Number(Deno.args[0]); i > 0; i--) {
    new Worker("data:text/javascript,for (;;);", { type: "module" });
  }
  setInterval(() => {}, 10);
`;

function start(threads: number): Deno.ChildProcess {
  const url = `data:text/javascript,${encodeURIComponent(SPINS)}`;
  return new Deno.Command(Deno.execPath(), { args: ["run", "--no-config", url, `${threads}`] })
    .spawn();
}

/** Waits until a process has used this much processor time since. */
async function spends(libc: Libc, pid: number, ms: number): Promise<void> {
  const spentMs = () => Number(processTimeNs(libc, pid) ?? 0n) / 1e6;
  const untilMs = spentMs() + ms;
  await until(() => spentMs() > untilMs, () => `${pid} has used ${ms} ms`, 60_000);
}

Deno.test({
  name:
    `\`CoreWatch\` bounds a process whose threads spin, and none with a single busy thread, while cores are scarce${needs}`,
  ignore: needs !== "",
  async fn() {
    const libc = openLibc();
    // As many busy threads as cores, besides those of the process with many.
    const innocent = Array.from({ length: cores }, () => start(1));
    const guilty = start(3);
    try {
      for (const { pid } of innocent) await spends(libc, pid, 100); // all threads have started
      using watch = new CoreWatch(libc, EVERY_MS);
      for (const { pid } of [...innocent, guilty]) watch.watch(pid);
      const allowed = (child: Deno.ChildProcess) => allowedCores(libc, child.pid).length;
      await until(() => allowed(guilty) === 1, () => "it keeps to one core", 60_000);
      for (const { pid } of innocent) await spends(libc, pid, 4 * EVERY_MS); // two readings, and their rests
      assertEquals(innocent.map(allowed), innocent.map(() => cores));
    } finally {
      for (const child of [...innocent, guilty]) child.kill("SIGKILL");
      await Promise.all([...innocent, guilty].map(({ status }) => status));
      libc.close();
    }
  },
});
