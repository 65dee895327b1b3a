/** Full speed for ten minutes, with leases that come and go: does memory grow, do descriptors, does it slow down? */

import { LocalManagers } from "../cli/local_managers.ts";
import { type Client, connect } from "../mod.ts";
import { OwnCore } from "./own_core.ts";
import { openDescriptors, residentMiB } from "./process_stat.ts";
import { alignColumns, toRow } from "./rows.ts";
import type { Bench } from "./suite.ts";
import { Times } from "./times.ts";
import { FUNCTIONS } from "./with_lease.ts";

const SECONDS = 600;
const QUICK_SECONDS = 20;
/** The whole time is looked at in so many parts: ten minutes, minute by minute. */
const PARTS = 10;
/** A shorter part would say little. */
const MIN_PART_MS = 3000;
/** Before the first part: code is compiled, caches and pools are filled. As a share of a part. */
const WARM_UP = 0.25;
const LEASES = 4;
const IN_FLIGHT = 16;
const BYTES = 64;
/** A lease is held for 1 to 3 such shares of a part. */
const HELD = 1 / 12;

/** Calls between two looks at the clock. */
const LOOK_EVERY = 256;

/** What is seen at the end of a part. */
interface Look {
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
  const looks: Look[] = [];
  try {
    bench.progress("soak: warming up");
    await load.during(partMs * WARM_UP);
    for (let part = 1; part <= parts; part++) {
      const look = await takePart(load, partMs, pids, () => {
        bench.progress(`soak, part ${part} of ${parts}, ${(partMs / 1000).toFixed(0)} s each`);
      });
      looks.push(look);
      if (look.calls === 0) throw new Error(`Cannot go on: no call was answered in part ${part}`);
      const path = `part ${part} of ${parts}`;
      bench.add({
        ...toRow("soak", path, BYTES, load.takeTimes()),
        per_second: Math.round(look.perSecond),
      });
    }
  } finally {
    await load.end();
  }
  bench.tell(toText(looks, partMs));
}

async function takePart(
  load: Load,
  partMs: number,
  pids: readonly number[],
  begins: () => void,
): Promise<Look> {
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

/** Leases that come and go, each with calls under way as long as it is held. */
class Load {
  calls = 0;
  leases = 0;
  readonly #client: Client;
  readonly #bench: Bench;
  readonly #heldMs: number;
  readonly #running: Promise<void>;
  #times = new Times();
  #ending = false;
  #failed: unknown;

  constructor(client: Client, bench: Bench, heldMs: number) {
    this.#client = client;
    this.#bench = bench;
    this.#heldMs = heldMs;
    this.#running = Promise.all(Array.from({ length: LEASES }, () => this.#comeAndGo()))
      .then(() => {}, (error) => {
        this.#failed = error;
        this.#ending = true;
      });
  }

  /** Lets it run. @throws what a lease or a call failed with. */
  async during(ms: number): Promise<void> {
    await this.#bench.pause(ms);
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** The times of single calls since it was last asked. */
  takeTimes(): Times {
    const times = this.#times;
    this.#times = new Times();
    return times;
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#running;
  }

  async #comeAndGo(): Promise<void> {
    const payload = new Uint8Array(BYTES).fill(7);
    const { cycles, perUs } = this.#bench;
    while (!this.#ending) {
      await using lease = await this.#client.lease({
        depth: IN_FLIGHT,
        maxBytes: 4096,
        wait: 30, // the one before may not be heard of yet
        functions: FUNCTIONS,
      });
      this.leases++;
      const untilMs = performance.now() + this.#heldMs * (1 + 2 * Math.random());
      await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
        for (let [before, made] = [cycles(), 1]; !this.#ending; made++) {
          await lease.invoke("echo", payload);
          const now = cycles();
          this.#times.add((now - before) / perUs);
          before = now;
          this.calls++;
          if (made % LOOK_EVERY === 0 && performance.now() > untilMs) return;
        }
      }));
    }
  }
}

function toText(looks: readonly Look[], partMs: number): string {
  const lines = [[
    "part",
    "calls a second",
    "leases",
    "client MiB",
    "resource manager",
    "executor manager",
    "descriptors",
  ]];
  looks.forEach((look, i) => {
    lines.push([
      String(i + 1),
      Math.round(look.perSecond).toLocaleString("en"),
      String(look.leases),
      ...look.residentMiB.map((mib) => mib.toFixed(0)),
      look.descriptors.join(" + "),
    ]);
  });
  const [first, last] = [looks[0]!, looks.at(-1)!];
  const slower = 1 - last.perSecond / first.perSecond;
  const grownMiB = sum(last.residentMiB) - sum(first.residentMiB);
  const more = sum(last.descriptors) - sum(first.descriptors);
  const verdict = [
    `throughput ${signed(-slower * 100, 1)} %`,
    `memory ${signed(grownMiB, 0)} MiB`,
    `descriptors ${signed(more, 0)}`,
  ];
  return `soak, ${LEASES} leases that come and go, parts of ${(partMs / 1000).toFixed(0)} s\n` +
    `${alignColumns(lines, [])}\nthe last part against the first: ${verdict.join(", ")}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function signed(value: number, digits: number): string {
  return (value < 0 ? "" : "+") + value.toFixed(digits);
}
