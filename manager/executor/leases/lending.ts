/** How much a node lends at present: all of its cores, some of them, or none, while it drains. */

import type { LeavingLease, Lent } from "../../../runtime/http/manager_api.ts";
import { getLogger } from "../../log.ts";
import type { ExecutorPool } from "../executors/executor_pool.ts";
import type { Capacity } from "./capacity.ts";
import { Draining } from "./draining.ts";
import type { NodeLease } from "./node_lease.ts";
import type { NodeLeases } from "./node_leases.ts";

/** What {@linkcode Lending} changes. */
export interface LendingOptions {
  readonly leases: NodeLeases;
  readonly capacity: Capacity;
  readonly pool: Pick<ExecutorPool, "open" | "pause">;
  /** Called when the node serves no more than it lends. */
  readonly onSettled: () => void;
}

export class Lending {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #options: LendingOptions;
  #draining: Draining | undefined;
  /** Leases that leave since the node lends fewer cores than before. A drain of the node has only the other ones. */
  #moving: Draining | undefined;
  /** Leases that leave for requests of higher classes, by id. */
  readonly #leaving = new Map<string, Draining>();
  /** The node ends after its drain: the resource manager does not end that. */
  #drainsForGood = false;
  #closed = false;

  constructor(options: LendingOptions) {
    this.#options = options;
  }

  get isDraining(): boolean {
    return this.#draining !== undefined;
  }

  /** Does what the resource manager requests: of each heartbeat's response, most of which are repeated. */
  apply({ cores, graceMs }: Omit<Lent, "revision">): void {
    if (this.#closed || this.#drainsForGood) return;
    if (cores === 0) return this.#drain(graceMs);
    if (this.#draining) this.#lendAgain(this.#draining);
    this.#lendCores(Math.min(cores, this.#options.capacity.cores), graceMs);
  }

  /**
   * Lets these leases leave for requests of higher classes, and those stay that were listed before and are not any more.
   * A drain of the node, or of some cores, has leases of its own.
   */
  leave(listed: readonly LeavingLease[]): void {
    if (this.#closed || this.#drainsForGood) return;
    const ids = new Set(listed.map(({ lease }) => lease));
    for (const [lease, leaving] of this.#leaving) {
      // Another reason for it to leave may have come up.
      if (ids.has(lease) || this.isDraining || this.#excessCores > 0) continue;
      leaving.stop();
      this.#leaving.delete(lease);
    }
    for (const { lease: id, graceMs } of listed) {
      const lease = this.#options.leases.running.get(id);
      if (lease === undefined || this.#isLeaving(id) || this.#draining?.has(id)) continue;
      this.#log.info("lease {lease} has {graceMs} ms to move, for a request of a higher class", {
        lease: id,
        graceMs,
      });
      const leaving = new Draining([lease], graceMs, "a request of a higher class needs its cores");
      this.#leaving.set(id, leaving);
      leaving.finished().then(() => {
        if (this.#leaving.get(id) === leaving) this.#leaving.delete(id);
      });
    }
  }

  /** Whether a lease leaves, for another reason than a drain of the whole node. */
  #isLeaving(lease: string): boolean {
    return this.#leaving.has(lease) || (this.#moving?.has(lease) ?? false);
  }

  /** Drains the node for good. Settles when its leases have ended, which the grace period bounds. */
  async drainForGood(graceMs: number): Promise<void> {
    if (!this.#closed && !this.#drainsForGood) this.#drain(graceMs); // shortens a drain that goes on
    this.#drainsForGood = true;
    await Promise.all(this.#all.map((draining) => draining.finished()));
  }

  /** Changes nothing from now on. May be called twice. */
  close(): void {
    this.#closed = true;
    for (const draining of this.#all) draining.stop();
  }

  get #all(): Draining[] {
    return [this.#draining, this.#moving, ...this.#leaving.values()]
      .filter((draining) => draining !== undefined);
  }

  #drain(graceMs: number): void {
    const { leases, pool, onSettled } = this.#options;
    for (const draining of this.#all) draining.shorten(graceMs);
    if (this.#draining) return;
    this.#log.info("the node drains, {leases} leases have {graceMs} ms to move", {
      leases: leases.running.size,
      graceMs,
    });
    leases.refusing = "the node drains";
    const earlier = this.#all;
    const others = leases.running.values().filter(({ id }) => !this.#isLeaving(id));
    const draining = new Draining(others, graceMs, "its node drains");
    this.#draining = draining;
    const finished = [draining, ...earlier].map((each) => each.finished());
    Promise.all([pool.pause(), ...finished]).then(() => {
      if (this.#draining === draining) onSettled();
    });
  }

  #lendAgain(draining: Draining): void {
    const { leases, capacity, pool } = this.#options;
    draining.stop();
    this.#draining = undefined;
    this.#moving?.stop();
    this.#moving = undefined;
    capacity.lentCores = capacity.cores; // if it lends fewer, the leases that have to leave are chosen anew
    leases.refusing = undefined;
    pool.open();
    this.#log.info("the node lends again");
  }

  /** The cores of running leases beyond those that it lends. Admissions under way do not count: they are refused. */
  get #excessCores(): number {
    const { leases, capacity } = this.#options;
    const running = leases.running.values().reduce((sum, { workers }) => sum + workers, 0);
    return Math.max(0, running - capacity.lentCores);
  }

  #lendCores(cores: number, graceMs: number): void {
    const { leases, capacity, onSettled } = this.#options;
    if (cores === capacity.lentCores) return this.#moving?.shorten(graceMs);
    capacity.lentCores = cores;
    this.#moving?.stop();
    this.#moving = undefined;
    const leaving = this.#leaving.keys().map((id) => leases.running.get(id)?.workers ?? 0);
    const excess = this.#excessCores - leaving.reduce((sum, workers) => sum + workers, 0);
    const staying = leases.running.values().filter(({ id }) => !this.#leaving.has(id));
    const chosen = leasesBeyond(staying, excess);
    this.#log.info("the node lends {cores} cores, {leases} leases have {graceMs} ms to move", {
      cores,
      leases: chosen.length,
      graceMs,
    });
    if (chosen.length === 0) return;
    const moving = new Draining(chosen, graceMs, "its node lends fewer cores");
    this.#moving = moving;
    moving.finished().then(() => {
      if (!this.isDraining) onSettled();
    });
    // Another lease may end meanwhile, so that fewer have to leave.
    for (const lease of leases.running.values()) {
      lease.ended.then(() => {
        if (this.#moving !== moving || this.isDraining || this.#excessCores > 0) return;
        this.#moving = undefined;
        moving.stop();
      });
    }
  }
}

/** The leases that have to leave so that this many cores become free: few of them, and no more cores than needed. */
export function leasesBeyond<L extends Pick<NodeLease, "workers">>(
  running: Iterable<L>,
  excessCores: number,
): L[] {
  const bySize = [...running].sort((a, b) => a.workers - b.workers);
  const chosen: L[] = [];
  for (let excess = excessCores; excess > 0 && bySize.length > 0;) {
    const enough = bySize.findIndex(({ workers }) => workers >= excess);
    const [lease] = bySize.splice(enough, 1); // -1 is the largest
    chosen.push(lease!);
    excess -= lease!.workers;
  }
  return chosen;
}
