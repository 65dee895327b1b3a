import { assert, assertEquals, assertRejects } from "@std/assert";
import { workerThreads } from "../../../bench/process_stat.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { timeSliceMs } from "../../../ffi/time_slice.ts";
import { WORKER_SLICE_MS } from "../../../runtime/policy.ts";
import { kernelHasSlices } from "../../support/fabric/kernel_slices.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";
import { children } from "../../support/processes/process_table.ts";

/** Returns the processor time of a process, in milliseconds. */
async function childCpuMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // utime and stime, in ticks of 10 ms
}

/** The executors of the managers in this process. */
const executors = () => children(Deno.pid);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const hotMs of [0, 1, 20]) {
  Deno.test(`hotMs ${hotMs}: an idle worker sleeps, and a call wakes it`, async () => {
    await using held = await startLease({ hotMs, maxBytes: 64 });
    const { lease } = held;
    using call = lease.prepare("echo", { bytes: 4, resultBytes: 4 });
    const [pid] = executors();
    const deadlineMs = limitMs(2000);
    for (const pauseMs of [0, 1, 5, 60, 300]) { // the last one is longer than a worker sleeps at a time
      await pause(pauseMs);
      call.input.fill(pauseMs);
      assertEquals(call.invokeSync(4, { deadlineMs }), 4);
      assertEquals(call.output[0], pauseMs & 255);
      await pause(pauseMs);
      assertEquals(
        await lease.invoke("echo", Uint8Array.of(pauseMs), { deadlineMs }),
        Uint8Array.of(pauseMs),
      );
    }
    await pause(50); // the calls before are not to be measured
    const beforeMs = await childCpuMs(pid!);
    await pause(300);
    const usedMs = await childCpuMs(pid!) - beforeMs;
    assert(usedMs <= 100, `a sleeping executor used ${usedMs} ms of 300`);
  });
}

Deno.test("hotMs Infinity: a worker polls without end, with and without calls", async () => {
  await using held = await startLease({ hotMs: Infinity, maxBytes: 64 });
  const { lease } = held;
  const [pid] = executors();
  await lease.invoke("echo", Uint8Array.of(1));
  const usedMs: number[] = [];
  do { // on a busy host it has a core for a small part of the time
    const beforeMs = await childCpuMs(pid!);
    await pause(400);
    usedMs.push(await childCpuMs(pid!) - beforeMs);
  } while (usedMs.at(-1)! < 40 && usedMs.length < 10);
  assert(usedMs.at(-1)! >= 40, `it sleeps: it used ${usedMs} ms of 400`);
  assertEquals(await lease.invoke("echo", Uint8Array.of(2)), Uint8Array.of(2));
});

Deno.test("`lease()` rejects a `hotMs` that is not a duration", async () => {
  await using held = await startLease({ maxBytes: 64 });
  for (const hotMs of [-1, NaN, "5" as unknown as number]) {
    await assertRejects(
      () => held.client.lease({ hotMs, functions: new Uint8Array(1) }),
      RangeError,
      "hotMs",
    );
  }
});

Deno.test("`invoke()` and `invokeSync()` leave the client's core to others during a long call", async () => {
  const functions = packageOf(`
    export const busy = (input, output) => {
      const until = performance.now() + 400;
      while (performance.now() < until);
      return 0;
    };
  `);
  await using held = await startLease({ functions, maxBytes: 64 });
  const { lease } = held;
  using call = lease.prepare("busy", { bytes: 0, resultBytes: 0 });
  const waits = {
    invokeSync: () => call.invokeSync(0),
    invoke: () => lease.invoke("busy", new Uint8Array(0)),
  };
  for (const [name, wait] of Object.entries(waits)) {
    const beforeMs = threadCpuMs();
    await wait();
    const usedMs = threadCpuMs() - beforeMs;
    assert(usedMs <= 150, `${name} used ${usedMs} ms of 400`);
  }
});

Deno.test("a hot worker sleeps sooner while other processes need its core", async () => {
  const burning = Array.from(
    { length: navigator.hardwareConcurrency },
    () => new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn(),
  );
  const fewMs: number[] = [];
  try {
    for (const hotMs of [60_000, Infinity]) {
      const others = executors();
      await using held = await startLease({ hotMs, maxBytes: 64 });
      const pid = executors().find((one) => !others.includes(one));
      await held.lease.invoke("echo", Uint8Array.of(1));
      const beforeMs = await childCpuMs(pid!);
      await pause(1000);
      fewMs.push(await childCpuMs(pid!) - beforeMs);
    }
  } finally {
    for (const process of burning) process.kill("SIGKILL");
    for (const process of burning) await process.status;
  }
  assert(
    fewMs[0]! <= 20 + fewMs[1]! / 3,
    `${fewMs[0]} ms of 1000, one that never sleeps ${fewMs[1]}`,
  );
});

Deno.test({
  name: "a worker has short turns on a core that it shares",
  ignore: !kernelHasSlices(), // a thread can request short time slices since Linux 6.12
  async fn() {
    await using _held = await startLease({ maxBytes: 64 });
    const [pid] = executors();
    const workers = workerThreads(pid!);
    const libc = openLibc();
    try {
      assert(workers.length > 0, "no thread of the executor is named worker-");
      assert(workers.some((id) => timeSliceMs(libc, id) === WORKER_SLICE_MS));
    } finally {
      libc.close();
    }
  },
});

/** Returns the processor time of this thread, in milliseconds. */
function threadCpuMs(): number {
  const stat = Deno.readTextFileSync("/proc/thread-self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // in ticks of 10 ms
}
