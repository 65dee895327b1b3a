/** Full speed for ten minutes, with short leases: shows growth of memory and descriptors, and loss of speed. */

import { LocalManagers } from "../../cli/children/local_managers.ts";
import { type Client, connect } from "../../mod.ts";
import { OwnCore } from "./own_core.ts";
import { openDescriptors, residentMiB } from "../process_stat.ts";
import { alignColumns } from "../../cli/table.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "../times.ts";
import { FUNCTIONS } from "./with_lease.ts";

const SECONDS = 600;
const QUICK_SECONDS = 20;
/** Number of parts: one per minute of ten minutes. */
const PARTS = 10;
/** Minimum duration of a part, for a meaningful rate. */
const MIN_PART_MS = 3000;
/** Warm-up before the first part, which compiles code and fills caches and pools. A fraction of a part. */
const WARM_UP = 0.25;
const LEASES = 4;
const IN_FLIGHT = 16;
const BYTES = 64;
/** A lease is held for 1 to 3 times this fraction of a part. */
const HELD = 1 / 12;

/** Calls between two readings of the clock. */
const CALLS_PER_CLOCK = 256;

/** The sample at the end of a part. */
interface Sample {
  readonly calls: number;
  readonly perSecond: number;
  readonly leases: number;
  readonly residentMiB: readonly number[];
  readonly descriptors: readonly number[];
}

export async function soakSuite(bench: Bench): Promise<void> {
  const seconds = bench.seconds ?? (bench.quick ? QUICK_SECONDS : SECONDS);
  const parts = Math.max(2, Math.min(PARTS, Math.floor(seconds * 1000 / MIN_PART_MS)));
  const partMs = seconds * 1000 / parts;
  using core = new OwnCore();
  await using managers = await LocalManagers.start({ cores: LEASES });
  await using client = await connect({ ...managers, fabric: "shm" });
  core.take();
  const pids = [Deno.pid, managers.resourceManager.pid, managers.executorManager.pid];
  const load = new Load(client, bench, partMs * HELD);
  const samples: Sample[] = [];
  try {
    bench.progress("soak: warming up");
    await load.during(partMs * WARM_UP);
    for (let part = 1; part <= parts; part++) {
      const sample = await takePart(load, partMs, pids, () => {
        bench.progress(`soak, part ${part} of ${parts}, ${(partMs / 1000).toFixed(0)} s each`);
      });
      samples.push(sample);
      if (sample.calls === 0) throw new Error(`Cannot continue: no call completed in part ${part}`);
      const path = `part ${part} of ${parts}`;
      bench.add({
        ...toRow("soak", path, BYTES, load.takeTimes()),
        per_second: Math.round(sample.perSecond),
      });
    }
  } finally {
    await load.end();
  }
  bench.addText(toText(samples, partMs));
}

async function takePart(
  load: Load,
  partMs: number,
  pids: readonly number[],
  begins: () => void,
): Promise<Sample> {
  begins();
  load.takeTimes();
  const { calls, leases } = load;
  const sinceMs = performance.now();
  await load.during(partMs);
  const tookS = (performance.now() - sinceMs) / 1000;
  const made = load.calls - calls;
  return {
    calls: made,
    perSecond: made / tookS,
    leases: load.leases - leases,
    residentMiB: await Promise.all(pids.map(residentMiB)),
    descriptors: pids.map(openDescriptors),
  };
}

/** Short leases, each with calls in flight while it is held. */
class Load {
  calls = 0;
  leases = 0;
  readonly #client: Client;
  readonly #bench: Bench;
  readonly #heldMs: number;
  readonly #running: Promise<void>;
  #times = new Times();
  #isEnding = false;
  #failed: unknown;

  constructor(client: Client, bench: Bench, heldMs: number) {
    this.#client = client;
    this.#bench = bench;
    this.#heldMs = heldMs;
    this.#running = Promise.all(Array.from({ length: LEASES }, () => this.#takeLeases()))
      .then(() => {}, (error) => {
        this.#failed = error;
        this.#isEnding = true;
      });
  }

  /** Waits while the load runs. @throws {unknown} The error of a lease or a call. */
  async during(ms: number): Promise<void> {
    await this.#bench.pause(ms);
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Returns the times of single calls since the previous read, and resets them. */
  takeTimes(): Times {
    const times = this.#times;
    this.#times = new Times();
    return times;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#running;
  }

  async #takeLeases(): Promise<void> {
    const payload = new Uint8Array(BYTES).fill(7);
    const { cycles, perUs } = this.#bench;
    while (!this.#isEnding) {
      await using lease = await this.#client.lease({
        depth: IN_FLIGHT,
        maxBytes: 4096,
        waitMs: 30_000, // the manager may not have received the previous release
        functions: FUNCTIONS,
      });
      this.leases++;
      const untilMs = performance.now() + this.#heldMs * (1 + 2 * Math.random());
      await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
        for (let [before, made] = [cycles(), 1]; !this.#isEnding; made++) {
          await lease.invoke("echo", payload);
          const now = cycles();
          this.#times.add((now - before) / perUs);
          before = now;
          this.calls++;
          if (made % CALLS_PER_CLOCK === 0 && performance.now() > untilMs) return;
        }
      }));
    }
  }
}

function toText(samples: readonly Sample[], partMs: number): string {
  const lines = [[
    "part",
    "calls per second",
    "leases",
    "client MiB",
    "resource manager",
    "executor manager",
    "descriptors",
  ]];
  samples.forEach((sample, i) => {
    lines.push([
      String(i + 1),
      Math.round(sample.perSecond).toLocaleString("en"),
      String(sample.leases),
      ...sample.residentMiB.map((mib) => mib.toFixed(0)),
      sample.descriptors.join(" + "),
    ]);
  });
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const slower = 1 - last.perSecond / first.perSecond;
  const grownMiB = sum(last.residentMiB) - sum(first.residentMiB);
  const more = sum(last.descriptors) - sum(first.descriptors);
  const verdict = [
    `throughput ${signed(-slower * 100, 1)} %`,
    `memory ${signed(grownMiB, 0)} MiB`,
    `descriptors ${signed(more, 0)}`,
  ];
  return `soak, ${LEASES} short leases at a time, parts of ${(partMs / 1000).toFixed(0)} s\n` +
    `${alignColumns(lines, [])}\nthe last part compared with the first: ${verdict.join(", ")}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function signed(value: number, digits: number): string {
  return (value < 0 ? "" : "+") + value.toFixed(digits);
}
