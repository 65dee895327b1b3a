/** The bills in SQLite: durations are integers of 64 bits, read as bigints. */
import type { SqliteStatements } from "./sqlite_statements.ts";
import type { BillRow, HeldSum, Transaction } from "../store.ts";

const COLUMNS = `lease, node, epoch, client, workers, memory_bytes AS memoryBytes,
  since_ms AS sinceMs, until_ms AS untilMs, held_ns AS heldNs, compute_ns AS computeNs,
  poll_ns AS pollNs, account`;

/** A row whose integers were all read as bigints. */
type StoredBill = { [K in keyof BillRow]: BillRow[K] extends number ? bigint : BillRow[K] };

export function sqliteBills(
  db: SqliteStatements,
): Pick<Transaction, "bill" | "bills" | "heldBetween" | "putBill"> {
  const bigints = { bigints: true };
  const bill = db.readOne<StoredBill>(
    `SELECT ${COLUMNS} FROM bills WHERE lease = ? AND node = ? AND epoch = ?`,
    bigints,
  );
  const page = (time: "since_ms" | "until_ms", which = "") =>
    db.readAll<StoredBill>(
      `SELECT ${COLUMNS} FROM bills
        WHERE ${which} (${time}, lease, node, epoch) > (?, ?, ?, ?)
        ORDER BY ${time}, lease, node, epoch LIMIT ?`,
      bigints,
    );
  const all = { admitted: page("since_ms"), grown: page("until_ms") };
  const clients = {
    admitted: page("since_ms", "client = ? AND"),
    grown: page("until_ms", "client = ? AND"),
  };
  const put = db.write(`INSERT INTO bills VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (lease, node, epoch) DO UPDATE SET until_ms = excluded.until_ms,
      held_ns = excluded.held_ns, compute_ns = excluded.compute_ns, poll_ns = excluded.poll_ns`);
  return {
    bill: (lease, node, epoch) => {
      const row = bill(lease, node, epoch);
      return row === undefined ? undefined : readBill(row);
    },
    bills: ({ client, sinceMs, after, limit }) => {
      const first = { ms: sinceMs ?? 0, lease: "", node: "", epoch: 0 };
      const { ms, lease, node, epoch } = after && after.ms >= first.ms ? after : first;
      const [statements, whose] = client === undefined ? [all, []] : [clients, [client]];
      const read = sinceMs === undefined ? statements.admitted : statements.grown;
      return read(...whose, ms, lease, node, epoch, limit).map(readBill);
    },
    heldBetween: db.readAll<HeldSum>(
      `SELECT client, account, TOTAL(held_ns / 1e6 * workers) AS coreMs FROM bills
        WHERE until_ms >= ? AND until_ms < ? GROUP BY account, client`,
    ),
    putBill: (row) =>
      put(
        row.lease,
        row.node,
        row.epoch,
        row.client,
        row.workers,
        row.memoryBytes,
        row.sinceMs,
        row.untilMs,
        row.heldNs,
        row.computeNs,
        row.pollNs,
        row.account,
      ),
  };
}

function readBill(row: StoredBill): BillRow {
  return {
    ...row,
    epoch: Number(row.epoch),
    workers: Number(row.workers),
    memoryBytes: Number(row.memoryBytes),
    sinceMs: Number(row.sinceMs),
    untilMs: Number(row.untilMs),
  };
}
