/**
 * A bursty load on leases that are taken for each burst, and on an allocation that is reserved for the whole time: what
 * each of them holds, computes and polls by its bills, and how long a burst takes.
 */

import { LocalManagers } from "../../cli/children/local_managers.ts";
import { ManagerClient } from "../../manager.ts";
import { type Client, connect, type Lease } from "../../mod.ts";
import { waitFor } from "../peers/wait_for.ts";
import { toRow } from "../rows.ts";
import type { Bench } from "../suites/suite.ts";
import { FUNCTIONS } from "../suites/with_lease.ts";
import { roundsPerUs, workArgument } from "../work_rounds.ts";
import { partPath } from "./row_paths.ts";

export const BURSTY_LOAD = "paper bursty load";
const WORKERS = 2;
/** Calls of a burst, each with this much computing time. */
const CALLS = 16;
const CALL_US = 20_000;
/** From the begin of a burst to that of the next one. */
const FULL = { bursts: 6, periodMs: 2000 };
const QUICK = { bursts: 2, periodMs: 600 };
/** How long a worker polls after its last call. */
const HOT_MS = 5;
/** By how much the end of a bill may lie before the release of its lease: the clocks of two processes. */
const CLOCKS_MS = 50;

/** Runs a burst on a lease. */
type Burst = (lease: Lease) => Promise<void>;

/** A lease that has ended. */
interface Ended {
  readonly id: string;
  /** When it was released, in milliseconds since 1970. */
  readonly atMs: number;
}

/** What the leases of one way used, and how long its bursts took. */
interface Load {
  readonly ended: readonly Ended[];
  readonly burstsUs: readonly number[];
}

export async function measureBurstyLoad(bench: Bench): Promise<void> {
  const argument = workArgument(64, CALL_US * roundsPerUs(bench.cycles, bench.perUs));
  const inputs = Array.from({ length: CALLS }, () => argument);
  const burst: Burst = async (lease) => {
    await lease.map("work", inputs, { signal: bench.signal });
  };
  await using managers = await LocalManagers.start({ cores: WORKERS });
  await using client = await connect({ ...managers, fabric: "shm" });
  using manager = new ManagerClient({ url: managers.manager, token: managers.token });
  await (await take(client)).close(); // the threads of the client start with its first lease
  const ways = { "reserved for the whole time": reserved, "a lease for each burst": leased };
  for (const [way, run] of Object.entries(ways)) {
    bench.progress(`${BURSTY_LOAD}: ${way}`);
    const { ended, burstsUs } = await run(bench, client, burst);
    const used = { held: 0, computing: 0, polling: 0 };
    for (const lease of ended) {
      const bill = await finalBill(manager, lease);
      used.held += bill.workers * microseconds(bill.heldNs);
      used.computing += microseconds(bill.computeNs);
      used.polling += microseconds(bill.pollNs);
    }
    const add = (part: string, us: readonly number[]) =>
      bench.add(toRow(BURSTY_LOAD, partPath({ group: way, part }), 0, us));
    for (const [part, us] of Object.entries(used)) {
      if (us > 0) add(part, [us]);
    }
    add("a burst", burstsUs);
  }
}

function take(client: Client): Promise<Lease> {
  return client.lease({
    functions: FUNCTIONS,
    workers: WORKERS,
    maxBytes: 4096,
    hotMs: HOT_MS,
    waitMs: 30_000,
  });
}

async function release(lease: Lease): Promise<Ended> {
  const ended = { id: lease.id, atMs: Date.now() };
  await lease.close();
  return ended;
}

/** One lease for all bursts and the pauses between them. */
async function reserved(bench: Bench, client: Client, burst: Burst): Promise<Load> {
  await using lease = await take(client);
  const burstsUs = await inPeriods(bench, () => burst(lease));
  return { ended: [await release(lease)], burstsUs };
}

/** A lease for each burst. Its time is a part of the burst. */
async function leased(bench: Bench, client: Client, burst: Burst): Promise<Load> {
  const ended: Ended[] = [];
  const burstsUs = await inPeriods(bench, async () => {
    await using lease = await take(client);
    await burst(lease);
    ended.push(await release(lease));
  });
  return { ended, burstsUs };
}

/** Begins a burst in each period. @returns how long each took. */
async function inPeriods(bench: Bench, run: () => Promise<void>): Promise<number[]> {
  const { bursts, periodMs } = bench.quick ? QUICK : FULL;
  const took: number[] = [];
  for (let i = 0; i < bursts; i++) {
    const startMs = performance.now();
    await run();
    const tookMs = performance.now() - startMs;
    took.push(1000 * tookMs);
    await bench.pause(Math.max(0, periodMs - tookMs));
  }
  return took;
}

/** Waits until the node has reported a lease up to its end. */
async function finalBill(manager: ManagerClient, { id, atMs }: Ended) {
  return await waitFor(`the bill of lease ${id}`, async () => {
    const { bills } = await manager.bills();
    const bill = bills.find(({ lease }) => lease === id);
    if (bill && bill.sinceMs + microseconds(bill.heldNs) / 1000 >= atMs - CLOCKS_MS) return bill;
    throw new Error(`Cannot read the bill of lease ${id}: the node has not reported its end`);
  });
}

function microseconds(ns: string): number {
  return Number(ns) / 1000;
}
