/**
 * Three resource managers on three members of etcd, all on this host: the longest gap between the grants of a client when
 * the leader ends, again and again.
 */

import { delay } from "@std/async";
import { EtcdClient } from "../../manager/resource/store/etcd/etcd_client.ts";
import {
  SETTLED_AFTER_MS,
  TAKE_OVER_AFTER_MS,
} from "../../manager/resource/store/etcd/etcd_policy.ts";
import { HEARTBEAT_MS } from "../../manager/resource/policy.ts";
import type { ManagerClient } from "../../runtime/http/manager_client.ts";
import { EtcdMembers, etcdPath } from "../../tests/support/manager/etcd_members.ts";
import { FakeNode } from "../../tests/support/manager/fake_node.ts";
import { ManagerGroup } from "../../tests/support/manager/manager_group.ts";
import { alignColumns } from "../../cli/table.ts";
import { type Row, toRow } from "../rows.ts";
import { UnavailableError } from "../unavailable.ts";
import type { Bench } from "./suite.ts";

const MANAGERS = 3;
const KILLS = 50;
const QUICK_KILLS = 2;
/** Leases that have ended before the first kill. A leader has them in memory for an hour. */
const ENDED_LEASES = 10_000;
const QUICK_ENDED_LEASES = 100;
/** Requests in flight while they are made. */
const IN_FLIGHT = 32;
const CORES = 4096;
/** How long a client takes leases before a kill, and after the gap. */
const BESIDE_MS = 500;
/** The pause of the writes that show etcd's own fail-over. */
const WRITE_EVERY_MS = 5;
/** How long a write may take: etcd's own fail-over takes 0.3 s. */
const WRITE_TIMEOUT_MS = 250;

/** A way in which leaders end. */
interface Way {
  readonly path: string;
  readonly signal: "SIGTERM" | "SIGKILL";
  /** Whether etcd's leader is killed at the same moment. */
  readonly withMember: boolean;
}

const WAYS: readonly Way[] = [
  { path: "SIGTERM of the leader", signal: "SIGTERM", withMember: false },
  { path: "SIGKILL of the leader", signal: "SIGKILL", withMember: false },
  { path: "SIGKILL of the leader and of etcd's", signal: "SIGKILL", withMember: true },
];
const ETCD_ALONE = "writes to etcd meanwhile";

/** The longest gaps of one kill. */
interface Gaps {
  readonly grantsMs: number;
  /** Of writes to etcd, if its leader was killed. */
  readonly writesMs?: number;
}

export async function failoverSuite(bench: Bench): Promise<void> {
  if (etcdPath === undefined) throw new UnavailableError("etcd is not installed");
  await using members = await EtcdMembers.start({ size: 3 });
  await using group = await ManagerGroup.start(MANAGERS, members.store(), [
    ...["--log-level", "warning"],
  ]);
  using nodes = group.as("node");
  await using node = new BeatingNode(await FakeNode.register(nodes, "node", CORES));
  const ended = bench.quick ? QUICK_ENDED_LEASES : ENDED_LEASES;
  bench.progress(`failover: ${ended} leases`);
  using client = group.as("client");
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    const leases = new Leases(client);
    for (let n = 0; n < ended / IN_FLIGHT; n++) {
      await leases.take();
      await leases.released();
    }
  }));
  const kills = bench.quick ? QUICK_KILLS : KILLS;
  const rows: Row[] = [];
  for (const way of WAYS) {
    const gaps: Gaps[] = [];
    for (let n = 1; n <= kills; n++) {
      bench.progress(`failover, ${way.path}: ${n} of ${kills}`);
      await bench.pause(SETTLED_AFTER_MS + 2 * TAKE_OVER_AFTER_MS);
      gaps.push(await measureKill(way, members, group, client));
      node.check();
    }
    rows.push(toRow("failover", way.path, 0, gaps.map(({ grantsMs }) => grantsMs * 1000)));
    if (!way.withMember) continue;
    const writes = gaps.map(({ writesMs = 0 }) => writesMs * 1000);
    rows.push(toRow("failover", ETCD_ALONE, 0, writes));
  }
  bench.add(...rows);
  bench.addText(toText(rows, Deno.loadavg()[1]!));
}

/** A node that sends heartbeats. */
class BeatingNode implements AsyncDisposable {
  readonly #beating: Promise<void>;
  #isOver = false;
  #error: unknown;

  constructor(node: FakeNode) {
    this.#beating = this.#beat(node);
  }

  /** @throws the reason why no more heartbeats are sent. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  async #beat(node: FakeNode): Promise<void> {
    while (!this.#isOver) {
      await node.heartbeat().catch((error) => this.#error = error);
      await delay(HEARTBEAT_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#beating;
  }
}

/** Ends the leader, measures, and starts what has ended again. */
async function measureKill(
  { signal, withMember }: Way,
  members: EtcdMembers,
  group: ManagerGroup,
  client: ManagerClient,
): Promise<Gaps> {
  const leader = await group.leader();
  const member = withMember ? await members.leader() : undefined;
  using etcd = new EtcdClient({ members: members.addresses });
  const leases = new Leases(client);
  const grants = new Repeated(() => leases.take());
  const writes = withMember ? new Repeated(() => writeOnce(etcd)) : undefined;
  await delay(BESIDE_MS);
  grants.measure();
  writes?.measure();
  if (member !== undefined) members.signal(member, "SIGKILL");
  await leader.kill(signal);
  await Promise.all([grants.goesOn(), writes?.goesOn()]);
  await delay(BESIDE_MS);
  const [grantsMs, writesMs] = await Promise.all([grants.end(), writes?.end()]);
  await leases.released();
  if (member !== undefined) {
    await members.kill(member);
    await members.run(member);
  }
  await group.restart(group.members.indexOf(leader));
  return { grantsMs, ...(writesMs === undefined ? {} : { writesMs }) };
}

/** An action that is repeated as fast as it can be, and the longest gap between two that succeeded. */
class Repeated {
  readonly #running: Promise<void>;
  #isOver = false;
  #lastMs = performance.now();
  #longestMs = 0;
  #succeeded = () => {};

  /** @param act resolves if it succeeds. */
  constructor(act: () => Promise<void>) {
    this.#running = this.#run(act);
  }

  /** Measures from now on. A gap that has begun counts as a whole. */
  measure(): void {
    this.#longestMs = 0;
  }

  /** Waits for two successes: the first one may have begun earlier. */
  async goesOn(): Promise<void> {
    for (let left = 2; left > 0; left--) {
      await new Promise<void>((resolve) => this.#succeeded = resolve);
    }
  }

  /** @returns the longest gap. */
  async end(): Promise<number> {
    this.#isOver = true;
    await this.#running;
    return this.#longestMs;
  }

  async #run(act: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      const isDone = await act().then(() => true, () => false);
      if (!isDone) continue;
      const nowMs = performance.now();
      this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      this.#succeeded();
    }
  }
}

/** Leases that are released beside the requests for the next ones. */
class Leases {
  readonly #client: ManagerClient;
  readonly #releasing = new Set<Promise<void>>();

  constructor(client: ManagerClient) {
    this.#client = client;
  }

  async take(): Promise<void> {
    const request = crypto.randomUUID().replaceAll("-", "");
    const { lease } = await this.#client.takeLease({
      ...{ workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 },
      request,
    });
    const releasing = this.#client.releaseLease(lease)
      .catch(() => {}) // it expires
      .finally(() => this.#releasing.delete(releasing));
    this.#releasing.add(releasing);
  }

  async released(): Promise<void> {
    await Promise.all(this.#releasing);
  }
}

async function writeOnce(etcd: EtcdClient): Promise<void> {
  await delay(WRITE_EVERY_MS);
  await etcd.transact([], [{ key: "/failover", value: "" }], [], WRITE_TIMEOUT_MS);
}

function toText(rows: readonly Row[], load: number): string {
  const ms = (us: number) => (us / 1000).toFixed(0);
  const lines = [
    ["", "times", "min, ms", "p50", "p90", "p99"],
    ...rows.map(({ path, n, min_us, p50_us, p90_us, p99_us }) => [
      ...[path, `${n}`],
      ...[min_us, p50_us, p90_us, p99_us].map(ms),
    ]),
  ];
  const title = "failover: the longest gap between two grants, or two writes to etcd";
  return `${title}; load average of 5 minutes: ${load.toFixed(1)}\n${alignColumns(lines, [0])}`;
}
