/** How much a node lends at present: all of its cores, some of them, or none, while it drains. */

import type { Lent } from "../../../runtime/http/manager_api.ts";
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

  /** Drains the node for good. Settles when its leases have ended, which the grace period bounds. */
  async drainForGood(graceMs: number): Promise<void> {
    if (!this.#closed && !this.#drainsForGood) this.#drain(graceMs); // shortens a drain that goes on
    this.#drainsForGood = true;
    await Promise.all([this.#draining?.finished(), this.#moving?.finished()]);
  }

  /** Changes nothing from now on. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#draining?.stop();
    this.#moving?.stop();
  }

  #drain(graceMs: number): void {
    const { leases, pool, onSettled } = this.#options;
    this.#moving?.shorten(graceMs);
    if (this.#draining) return this.#draining.shorten(graceMs);
    this.#log.info("the node drains, {leases} leases have {graceMs} ms to move", {
      leases: leases.running.size,
      graceMs,
    });
    leases.refusing = "the node drains";
    const moving = this.#moving;
    const others = leases.running.values().filter(({ id }) => !moving?.has(id));
    const draining = new Draining(others, graceMs, "its node drains");
    this.#draining = draining;
    Promise.all([pool.pause(), draining.finished(), moving?.finished()]).then(() => {
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
    const chosen = leasesBeyond(leases.running.values(), this.#excessCores);
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
