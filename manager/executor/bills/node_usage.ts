/** What all leases have used of this node since its executor manager started. */

import type { LeaseMeter } from "./lease_meter.ts";

/** Totals in seconds. They never decrease. */
export interface NodeTotals {
  /** The time that cores were held. */
  readonly heldSeconds: number;
  readonly computeSeconds: number;
  readonly pollSeconds: number;
  readonly calls: number;
}

type Metered = Pick<LeaseMeter, "total" | "calls">;

/** Sums the meters of leases when it is read, so that a lease costs nothing meanwhile. */
export class NodeUsage {
  readonly #running = new Set<Metered>();
  #ended: NodeTotals = { heldSeconds: 0, computeSeconds: 0, pollSeconds: 0, calls: 0 };

  /** Adds the meter of a lease that begins. */
  open(meter: Metered): void {
    this.#running.add(meter);
  }

  /** Keeps the total of a lease that has ended. */
  close(meter: Metered): void {
    if (this.#running.delete(meter)) this.#ended = plus(this.#ended, meter);
  }

  /** Returns the totals of all leases, running and ended. */
  read(): NodeTotals {
    return [...this.#running].reduce(plus, this.#ended);
  }
}

function plus(sum: NodeTotals, meter: Metered): NodeTotals {
  const { workers, heldNs, computeNs, pollNs } = meter.total();
  return {
    heldSeconds: sum.heldSeconds + workers * Number(heldNs) / 1e9,
    computeSeconds: sum.computeSeconds + Number(computeNs) / 1e9,
    pollSeconds: sum.pollSeconds + Number(pollNs) / 1e9,
    calls: sum.calls + Number(meter.calls), // read after the total, which reads the counters
  };
}
