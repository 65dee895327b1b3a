import { assert, assertEquals, assertRejects } from "@std/assert";
import { openLibc } from "../../../ffi/libc.ts";
import { timeSliceMs } from "../../../ffi/time_slice.ts";
import { WORKER_SLICE_MS } from "../../../runtime/policy.ts";
import { kernelHasSlices } from "../../support/kernel_slices.ts";
import { startLease } from "../../support/cluster_lease.ts";
import { packageOf } from "../../support/functions_package.ts";

/** Nanoseconds that all processes below this one have computed, those that ended not counted. */
async function childCpuMs(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // utime and stime, in ticks of 10 ms
}

async function executors(): Promise<number[]> {
  const tasks = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => name);
  const children = await Promise.all(
    tasks.map((task) => Deno.readTextFile(`/proc/self/task/${task}/children`).catch(() => "")),
  );
  return children.join(" ").split(" ").filter((pid) => pid !== "").map(Number);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const hotMs of [0, 1, 20]) {
  Deno.test(`hotMs ${hotMs}: a worker with nothing to do sleeps, and a call wakes it`, async () => {
    await using held = await startLease({ hotMs, maxBytes: 64 });
    const { lease } = held;
    using call = lease.prepare("echo", { bytes: 4, resultBytes: 4 });
    const [pid] = await executors();
    for (const pauseMs of [0, 1, 5, 60, 300]) { // the last is longer than a worker's sleep
      await pause(pauseMs);
      call.input.fill(pauseMs);
      assertEquals(call.invokeSync(4, { deadlineMs: 2000 }), 4);
      assertEquals(call.output[0], pauseMs & 255);
      await pause(pauseMs);
      assertEquals(
        await lease.invoke("echo", Uint8Array.of(pauseMs), { deadlineMs: 2000 }),
        Uint8Array.of(pauseMs),
      );
    }
    await pause(50); // what is measured is that time passes and nothing is computed
    const beforeMs = await childCpuMs(pid!);
    await pause(300);
    const usedMs = await childCpuMs(pid!) - beforeMs;
    assert(usedMs <= 100, `a sleeping executor used ${usedMs} ms of 300`);
  });
}

Deno.test("hotMs Infinity: a worker polls for ever, with and without calls", async () => {
  await using held = await startLease({ hotMs: Infinity, maxBytes: 64 });
  const { lease } = held;
  const [pid] = await executors();
  await lease.invoke("echo", Uint8Array.of(1));
  const beforeMs = await childCpuMs(pid!);
  await pause(400);
  assert(await childCpuMs(pid!) - beforeMs >= 40, "it sleeps");
  assertEquals(await lease.invoke("echo", Uint8Array.of(2)), Uint8Array.of(2));
});

Deno.test("lease() refuses a hotMs that is no time", async () => {
  await using held = await startLease({ maxBytes: 64 });
  for (const hotMs of [-1, NaN, "5" as unknown as number]) {
    await assertRejects(
      () => held.client.lease({ hotMs, functions: new Uint8Array(1) }),
      RangeError,
      "hotMs",
    );
  }
});

Deno.test("a call that takes long leaves its client's core to others, by invoke() and invokeSync()", async () => {
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

Deno.test("a worker that is to stay hot sleeps nevertheless while others want its core", async () => {
  const burning = Array.from(
    { length: navigator.hardwareConcurrency },
    () => new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn(),
  );
  const fewMs: number[] = [];
  try {
    for (const hotMs of [60_000, Infinity]) {
      const others = await executors();
      await using held = await startLease({ hotMs, maxBytes: 64 });
      const pid = (await executors()).find((one) => !others.includes(one));
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
  ignore: !kernelHasSlices(), // before Linux 6.12 a thread can't ask for them
  async fn() {
    await using _held = await startLease({ maxBytes: 64 });
    const [pid] = await executors();
    const workers = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => Number(name))
      .filter((id) => Deno.readTextFileSync(`/proc/${pid}/task/${id}/comm`).startsWith("worker-"));
    const libc = openLibc();
    try {
      assert(workers.length > 0, "no thread of the executor is named worker-");
      assert(workers.some((id) => timeSliceMs(libc, id) === WORKER_SLICE_MS));
    } finally {
      libc.close();
    }
  },
});

/** Milliseconds that this thread has computed. */
function threadCpuMs(): number {
  const stat = Deno.readTextFileSync("/proc/thread-self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // in ticks of 10 ms
}
