/** What a node lends, as it follows from the limits of its row. */
import { OPERATOR } from "../../../runtime/http/manager_api.ts";
import type { NodeRow } from "./store.ts";

/** A node whose {@linkcode NodeRow.cores} and {@linkcode NodeRow.drainMs} follow from its limits. */
export function withLimits(node: NodeRow, limits: NodeRow["limits"]): NodeRow {
  const all = Object.values(limits);
  const drains = all.filter(({ cores }) => cores === 0);
  return {
    ...node,
    limits,
    cores: Math.min(node.maxCores, ...all.map(({ cores }) => cores || Infinity)),
    drainMs: drains.length === 0 ? null : Math.min(...drains.map(({ graceMs }) => graceMs)),
  };
}

/**
 * The limits of a row that an older version may have written. That one sets and removes `drainMs` for the operator alone,
 * and writes a row without limits or leaves those that it finds as they are.
 */
export function limitsOf(
  { drainMs, limits = {} }: Pick<NodeRow, "drainMs"> & Partial<Pick<NodeRow, "limits">>,
): NodeRow["limits"] {
  const all = Object.entries(limits);
  if (drainMs === null) return Object.fromEntries(all.filter(([, { cores }]) => cores !== 0));
  if (all.some(([, { cores, graceMs }]) => cores === 0 && graceMs === drainMs)) return limits;
  return { ...limits, [OPERATOR]: { cores: 0, graceMs: drainMs } };
}
