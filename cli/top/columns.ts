/** The columns of nodes, leases and waiting requests. */

import type { ShownWaiting } from "../../manager/resource/ui/shown_cluster.ts";
import { durationText, sizeText } from "../quantity_text.ts";
import type { LeaseLine, NodeLine } from "./shown_state.ts";
import { callsText, coresText, shareText } from "./summary.ts";

/** One column. */
export interface Column<T> {
  readonly head: string;
  cell(row: T, nowMs: number): string;
  /** What rows are sorted by: texts from A to Z, numbers from the largest. A column of numbers is aligned to the right. */
  by(row: T): string | number;
  /** A narrow terminal leaves out the columns with the highest numbers first, and never one with 0. */
  readonly drop: number;
}

export const NODE_COLUMNS: readonly Column<NodeLine>[] = [
  text("NODE", 0, ({ name }) => name),
  text("STATE", 1, ({ state }) => state),
  number("CORES", 5, ({ cores }) => cores),
  number("ALLOC", 2, ({ allocatedCores }) => allocatedCores),
  number("COMPUTE", 4, ({ computeCores }) => computeCores, coresText),
  number("POLL", 6, ({ pollCores }) => pollCores, coresText),
  share("POLL%", 7, ({ pollCores, workers }) => [pollCores, workers]),
  number("CALLS/S", 3, ({ calls }) => calls ?? -1, callsText),
  number("LEASES", 9, ({ leases }) => leases),
  number("MEMORY", 8, ({ allocatedBytes }) => allocatedBytes, memoryText),
  number("SEEN", 10, ({ lastSeenMs }) => -(lastSeenMs ?? Infinity), seenText),
];

export const LEASE_COLUMNS: readonly Column<LeaseLine>[] = [
  text("LEASE", 0, ({ lease }) => lease, (id) => id.slice(0, 8)),
  text("CLIENT", 0, ({ client }) => client),
  number("WORKERS", 3, ({ workers }) => workers),
  number("COMPUTE", 2, ({ computeCores }) => computeCores, coresText),
  number("POLL", 4, ({ pollCores }) => pollCores, coresText),
  share("POLL%", 6, ({ pollCores, workers }) => [pollCores, workers]),
  number("CALLS/S", 1, ({ calls }) => calls ?? -1, callsText),
  number("MEMORY", 7, ({ memoryBytes }) => memoryBytes, sizeText),
  number("AGE", 5, ({ issuedMs }) => -issuedMs, sinceText),
  text("NODES", 8, ({ nodes }) => nodes.join(" ")),
];

export const WAITING_COLUMNS: readonly Column<ShownWaiting>[] = [
  text("WAITING", 0, ({ client }) => client),
  number("WORKERS", 1, ({ workers }) => workers),
  number("MEMORY", 4, ({ memoryBytes }) => memoryBytes, sizeText),
  number("FOR", 2, ({ sinceMs }) => -sinceMs, sinceText),
  text("REASON", 3, ({ reason }) => reason),
];

/** The number of the column that each table is sorted by at first: by name, by the cores that compute, by the time. */
export const FIRST_SORT = {
  nodes: numberOf("NODE", NODE_COLUMNS),
  leases: numberOf("COMPUTE", LEASE_COLUMNS),
  waiting: numberOf("FOR", WAITING_COLUMNS),
};

function numberOf<T>(head: string, columns: readonly Column<T>[]): number {
  return columns.findIndex((column) => column.head === head);
}

function text<T>(
  head: string,
  drop: number,
  by: (row: T) => string,
  shown = (value: string) => value,
): Column<T> {
  return { head, cell: (row) => shown(by(row)), by, drop };
}

function number<T>(
  head: string,
  drop: number,
  by: (row: T) => number,
  shown: (value: number, nowMs: number, row: T) => string = (value) => `${value}`,
): Column<T> {
  return { head, cell: (row, nowMs) => shown(by(row), nowMs, row), by, drop };
}

/** A share of a whole, in percent. */
function share<T>(head: string, drop: number, of: (row: T) => [number, number]): Column<T> {
  const by = (row: T) => of(row)[1] === 0 ? -1 : of(row)[0] / of(row)[1];
  return { head, cell: (row) => shareText(...of(row)), by, drop };
}

function memoryText(allocated: number, _nowMs: number, { memoryBytes }: NodeLine): string {
  return `${sizeText(allocated)} of ${sizeText(memoryBytes)}`;
}

/** @param negativeMs a time, negative, so that the oldest one has the largest number. */
function sinceText(negativeMs: number, nowMs: number): string {
  return durationText(Math.max(0, nowMs + negativeMs));
}

function seenText(negativeMs: number, nowMs: number): string {
  return negativeMs === -Infinity ? "now" : `${sinceText(negativeMs, nowMs)} ago`;
}
