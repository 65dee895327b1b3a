/** The totals that this node owes the resource manager. It reports each lease until the final total is acknowledged. */

import { type BillReport, MAX_HEARTBEAT_BILLS } from "../../../runtime/http/bill_api.ts";
import type { LeaseMeter } from "./lease_meter.ts";

/** The meter of a lease that runs, or the final total of one that has ended. */
type Metered = Pick<LeaseMeter, "lease" | "ended" | "total">;

/** The meters of a node's leases, and which totals the resource manager has acknowledged. */
export class NodeBills {
  /** In order of their last acknowledgment, the oldest first. */
  readonly #meters = new Map<string, Metered>();
  /** Final totals that were sent. Acknowledging a total that was sent before the end does not settle a lease. */
  readonly #final = new WeakSet<BillReport>();

  /** Adds the meter of a lease that begins. */
  open(meter: LeaseMeter): void {
    this.#meters.set(meter.lease, meter);
  }

  /** Adds final totals that an earlier start of this executor manager could not report. */
  restore(bills: readonly BillReport[]): void {
    for (const bill of bills) {
      // A copy each time: `acknowledge()` recognizes what was sent by its identity.
      this.#meters.set(bill.lease, { lease: bill.lease, ended: true, total: () => ({ ...bill }) });
    }
  }

  /** Returns all final totals that were not acknowledged. */
  unsettled(): BillReport[] {
    return [...this.#meters.values()].filter(({ ended }) => ended).map((each) => each.total());
  }

  /** Returns the totals to report next, no more than one heartbeat may carry. */
  due(): BillReport[] {
    return [...this.#meters.values()].slice(0, MAX_HEARTBEAT_BILLS).map((each) =>
      this.#report(each)
    );
  }

  /** Returns the final total of a lease that has ended, unless it was acknowledged. */
  last(lease: string): BillReport | undefined {
    const meter = this.#meters.get(lease);
    return meter?.ended ? this.#report(meter) : undefined;
  }

  /** Notes that the resource manager has stored these bills. */
  acknowledge(bills: readonly BillReport[]): void {
    for (const bill of bills) {
      const meter = this.#meters.get(bill.lease);
      if (meter === undefined) continue;
      this.#meters.delete(bill.lease);
      if (!this.#final.has(bill)) this.#meters.set(bill.lease, meter);
    }
  }

  #report(meter: Metered): BillReport {
    const bill = meter.total();
    if (meter.ended) this.#final.add(bill);
    return bill;
  }
}
