/** Bills in the form of Slurm's accounting, for the programs of a site that read it. */

import { type Bill, RESERVED_EPOCH } from "../runtime/http/bill_api.ts";

/** The columns of `sacct --parsable2` that such programs read. */
const COLUMNS = [
  "JobID",
  "User",
  "Account",
  "Partition",
  "State",
  "AllocCPUS",
  "ReqMem",
  "AllocNodes",
  "Submit",
  "Start",
  "End",
  "ExitCode",
  "CPUTimeRAW",
] as const;

/**
 * Writes one line for each lease, and a line of columns before them. A lease is a job of the user that its client's
 * token names, and of the account that this token had at the grant, or else of one with the user's name. It has the
 * processor time of all its cores from the admission to the end.
 *
 * @param bills of all nodes of each lease, or the sums would be too low.
 * @param running The ids of leases that have not ended.
 * @param sinceMs Leases that have not changed since then have no line.
 */
export function sacctText(
  bills: readonly Bill[],
  running: ReadonlySet<string>,
  sinceMs = 0,
): string {
  const byLease = Map.groupBy(bills, ({ lease }) => lease);
  const changed = [...byLease]
    .filter(([, parts]) => parts.some(({ untilMs }) => untilMs >= sinceMs));
  const lines = changed.map(([lease, parts]) => lineOf(lease, parts, running.has(lease)));
  return [COLUMNS.join("|"), ...lines].join("\n");
}

function lineOf(lease: string, parts: readonly Bill[], runs: boolean): string {
  // What was reserved and not claimed costs its time, but was no part of the lease.
  const claimed = parts.filter(({ epoch }) => epoch !== RESERVED_EPOCH);
  const held = claimed.length > 0 ? claimed : parts;
  const startMs = Math.min(...parts.map(({ sinceMs }) => sinceMs));
  const endMs = Math.max(...parts.map(({ sinceMs, heldNs }) => sinceMs + Number(heldNs) / 1e6));
  const { client, account = client } = parts[0]!;
  const cpuSeconds = sum(parts, ({ workers, heldNs }) => workers * Number(heldNs)) / 1e9;
  const cells: Record<typeof COLUMNS[number], string | number> = {
    JobID: lease,
    User: client,
    Account: account,
    Partition: "rfaas",
    State: runs ? "RUNNING" : claimed.length > 0 ? "COMPLETED" : "CANCELLED",
    AllocCPUS: sum(held, ({ workers }) => workers),
    ReqMem: `${Math.ceil(sum(held, ({ memoryBytes }) => memoryBytes) / 2 ** 20)}M`,
    AllocNodes: new Set(held.map(({ node }) => node)).size,
    Submit: timeText(startMs),
    Start: timeText(startMs),
    End: runs ? "Unknown" : timeText(endMs),
    ExitCode: "0:0",
    CPUTimeRAW: Math.round(cpuSeconds),
  };
  return COLUMNS.map((column) => cells[column]).join("|");
}

function sum(bills: readonly Bill[], of: (bill: Bill) => number): number {
  return bills.reduce((total, bill) => total + of(bill), 0);
}

/** A time of this host's zone without the zone, as Slurm writes it. */
function timeText(ms: number): string {
  const offsetMs = new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offsetMs).toISOString().slice(0, 19);
}
