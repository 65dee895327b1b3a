/** The sums of bills over time. */

/** @typedef {import("../../../../runtime/http/bill_api.ts").Bill} Bill */
/** @typedef {{ held: number, compute: number, poll: number }} Sums in core hours */
/** @typedef {{ fromMs: number, toMs: number, columns: { fromMs: number, values: [number, number, number] }[], clients: Map<string, Sums>, isPartial: boolean }} BillSums */

const NS_PER_HOUR = 3.6e12;

/** @param {number} fromMs @param {number} toMs @param {number} count @returns {BillSums} */
export function bucketsOf(fromMs, toMs, count) {
  const stepMs = (toMs - fromMs) / count;
  const columns = Array.from({ length: count }, (_, at) => ({
    fromMs: fromMs + at * stepMs,
    values: /** @type {[number, number, number]} */ ([0, 0, 0]),
  }));
  return { fromMs, toMs, columns, clients: new Map(), isPartial: false };
}

/** Adds the part of each bill that is within the time. @param {BillSums} sums @param {readonly Bill[]} bills */
export function addBills({ fromMs, toMs, columns, clients }, bills) {
  const stepMs = (toMs - fromMs) / columns.length;
  for (const bill of bills) {
    const lifeMs = Math.max(1, bill.untilMs - bill.sinceMs);
    const [held, compute, poll] = [bill.heldNs, bill.computeNs, bill.pollNs]
      .map((ns) => Number(ns) / NS_PER_HOUR / lifeMs);
    const sums = clients.get(bill.client) ?? { held: 0, compute: 0, poll: 0 };
    clients.set(bill.client, sums);
    const startMs = Math.max(fromMs, bill.sinceMs);
    const endMs = Math.min(toMs, bill.sinceMs + lifeMs);
    for (let at = Math.floor((startMs - fromMs) / stepMs); at < columns.length; at++) {
      const column = columns[at];
      if (column === undefined || column.fromMs >= endMs) break;
      const spanMs = Math.min(endMs, column.fromMs + stepMs) - Math.max(startMs, column.fromMs);
      if (spanMs <= 0) continue;
      const [h = 0, c = 0, p = 0] = [held, compute, poll].map((rate = 0) => rate * spanMs);
      column.values[0] += c;
      column.values[1] += p;
      column.values[2] += Math.max(0, h - c - p);
      sums.held += h;
      sums.compute += c;
      sums.poll += p;
    }
  }
}
