/** The totals that this node owes its resource manager: told again and again until the last one was acknowledged. */

import { type BillReport, maxHeartbeatBills } from "../../runtime/http/bill_api.ts";
import type { LeaseMeter } from "./lease_meter.ts";

/** A lease that runs, or what is left of one. */
type Metered = Pick<LeaseMeter, "lease" | "ended" | "total">;

export class NodeBills {
  /** Those acknowledged longest ago come first. */
  readonly #meters = new Map<string, Metered>();
  /** Those whose last total is on its way; an answer to what was sent before does not settle them. */
  readonly #final = new WeakSet<BillReport>();

  open(meter: LeaseMeter): void {
    this.#meters.set(meter.lease, meter);
  }

  /** Last totals that an earlier start of this manager could not tell. */
  restore(bills: readonly BillReport[]): void {
    for (const bill of bills) {
      // A copy each time: what was sent is known again by its identity.
      this.#meters.set(bill.lease, { lease: bill.lease, ended: true, total: () => ({ ...bill }) });
    }
  }

  /** All last totals that are not settled. */
  unsettled(): BillReport[] {
    return [...this.#meters.values()].filter(({ ended }) => ended).map((each) => each.total());
  }

  /** Totals to tell now; no more than one heartbeat may carry. */
  due(): BillReport[] {
    return [...this.#meters.values()].slice(0, maxHeartbeatBills).map((each) => this.#tell(each));
  }

  /** The last total of a lease that has ended, if it is not settled. */
  last(lease: string): BillReport | undefined {
    const meter = this.#meters.get(lease);
    return meter?.ended ? this.#tell(meter) : undefined;
  }

  /** These have been heard. */
  acknowledge(bills: readonly BillReport[]): void {
    for (const bill of bills) {
      const meter = this.#meters.get(bill.lease);
      if (meter === undefined) continue;
      this.#meters.delete(bill.lease);
      if (!this.#final.has(bill)) this.#meters.set(bill.lease, meter);
    }
  }

  #tell(meter: Metered): BillReport {
    const bill = meter.total();
    if (meter.ended) this.#final.add(bill);
    return bill;
  }
}
