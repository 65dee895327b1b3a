/** The cluster as text or JSON, for scripts. */

import { alignColumns } from "../table.ts";
import { FIRST_SORT, LEASE_COLUMNS, NODE_COLUMNS, WAITING_COLUMNS } from "./columns.ts";
import { ShownCluster, type ShownState } from "./shown_state.ts";
import type { FeedEvent } from "./feed.ts";
import { sorted } from "./sorted.ts";
import { summaryOf } from "./summary.ts";
import { fitTable } from "./table_lines.ts";

/** Nodes report once a second, and rates need two reports. */
const MEASURED_WITHIN_MS = 5000;

/**
 * Reads the stream until the usage of all leases is known, for some seconds at most.
 *
 * @throws {ManagerUnreachableError} When no resource manager has a stream.
 */
export async function readOnce(feed: AsyncIterable<FeedEvent>): Promise<ShownState> {
  const cluster = new ShownCluster();
  let firstMs: number | undefined;
  for await (const event of feed) {
    if ("away" in event) {
      if (event.isAll) throw event.away;
      continue;
    }
    cluster.apply(event.change);
    firstMs ??= event.change.nowMs;
    if (cluster.isMeasured || event.change.nowMs - firstMs >= MEASURED_WITHIN_MS) break;
  }
  return cluster.state()!;
}

/** The totals, and a table of each kind that is not empty. */
export function stateText(state: ShownState): string {
  const { totals, nodes, leases, waiting, nowMs } = state;
  const tables = [
    fitTable(NODE_COLUMNS, sorted(nodes, NODE_COLUMNS[FIRST_SORT.nodes]!), nowMs),
    fitTable(LEASE_COLUMNS, sorted(leases, LEASE_COLUMNS[FIRST_SORT.leases]!), nowMs),
    fitTable(WAITING_COLUMNS, waiting, nowMs),
  ];
  return [
    alignColumns(summaryOf(totals).map((pair) => [...pair]), [0, 1]),
    ...tables.flatMap(({ heads, lines }) =>
      lines.length === 0 ? [] : [[heads.join("  ").trimEnd(), ...lines].join("\n")]
    ),
  ].join("\n\n");
}
