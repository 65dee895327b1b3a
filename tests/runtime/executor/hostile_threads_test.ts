/** A function that takes more cores than its lease has, after its call has returned. */

import { assert } from "@std/assert";
import { availableParallelism } from "node:os";
import { openLibc } from "../../../ffi/libc.ts";
import { processTimeNs } from "../../../ffi/process_time.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { descendants } from "../../support/processes/process_table.ts";
import { until } from "../../support/waiting.ts";

const functions = packageOf(`
  export function spread() {
    globalThis.kept = Array.from({ length: 4 }, () =>
      new Worker("data:text/javascript,for (;;);", { type: "module" }));
    return 0;
  }
  export const echo = (input, output) => (output.set(input), input.length);
`);

const needs = availableParallelism() < 2 ? " (needs two cores)" : "";

Deno.test({
  name:
    `threads that a function started are kept on the leased core, and billed by the kernel's count${needs}`,
  ignore: needs !== "",
  async fn() {
    const before = new Set(executors());
    await using held = await startLease({ functions, memory: "256MiB", hotMs: 0 });
    const { lease, cluster } = held;
    using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
    await lease.invoke("echo", new Uint8Array(1));
    const libc = openLibc();
    const [pid] = executors(before);
    const spentMs = () => Number(processTimeNs(libc, pid!) ?? 0n) / 1e6;
    const startMs = spentMs();
    await lease.invoke("spread", new Uint8Array());
    const wide = () => threadsOf(pid!).filter((cores) => /[-,]/.test(cores));
    await until(() => wide().length === 0, () => `all threads keep to one core: ${wide()}`, 30_000);
    // The bill is read once a second.
    const untilMs = spentMs() + 1500;
    await until(() => spentMs() > untilMs, () => "the threads run on", 30_000);
    await lease.invoke("echo", new Uint8Array(1)); // the lease goes on
    const usedMs = spentMs() - startMs;
    await lease.close();
    libc.close();
    const { bills } = await operator.bills();
    const billedMs = bills.reduce(
      (sum, { computeNs, pollNs }) => sum + Number(BigInt(computeNs) + BigInt(pollNs)) / 1e6,
      0,
    );
    console.log(
      `billed ${billedMs.toFixed(0)} ms, ${usedMs.toFixed(0)} ms by the kernel before the end`,
    );
    assert(billedMs > usedMs * 0.95, `${billedMs} of ${usedMs} ms are billed`);
    assert(billedMs < usedMs * 1.05 + 1000, `${billedMs} ms are billed for ${usedMs}`);
  },
});

/** The executors of this host that are not in `before`. In a container they do not descend from this process. */
function executors(before: ReadonlySet<number> = new Set()): number[] {
  const own = descendants(Deno.pid).filter(isExecutor);
  if (own.length > 0) return own;
  const all = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) =>
    pid > 0
  );
  return all.filter((pid) => !before.has(pid) && isExecutor(pid));
}

function isExecutor(pid: number): boolean {
  try {
    const [program, ...words] = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
    return program!.endsWith("/deno") && words.some((word) => word.endsWith("/main.js")) &&
      threadsOf(pid).length > 4;
  } catch {
    return false; // it has ended
  }
}

/** The cores on which each thread of a process may run. */
function threadsOf(pid: number): string[] {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) =>
      /^Cpus_allowed_list:\s*(\S+)/m.exec(
        Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`),
      )![1]!
    );
  } catch {
    return []; // one has ended meanwhile
  }
}
