/** What a node may lend: the least of what the operator and programs such as Slurm allow. */
import { MAX_DRAIN_GRACE_MS } from "../../../runtime/http/api_fields.ts";
import { quoted, RefusalError } from "../refusal.ts";
import { withLimits } from "../store/node_limits.ts";
import type { LentLimit, NodeRow } from "../store/store.ts";

/** The most names that may limit one node: it is lent by few programs. */
const MAX_NAMES = 8;

/**
 * Sets or removes (undefined) the limit of one name.
 *
 * @throws {RefusalError} 400 `bad-request` if the node has fewer cores, or too many names limit it.
 */
export function limited(node: NodeRow, by: string, limit: LentLimit | undefined): NodeRow {
  const { [by]: _, ...others } = node.limits;
  if (limit === undefined) return withLimits(node, others);
  const cannot = `Cannot lend ${limit.cores} cores of node ${quoted(node.name)}`;
  if (limit.cores > node.maxCores) {
    throw new RefusalError(400, "bad-request", `${cannot}: it has ${node.maxCores}`);
  }
  if (Object.keys(others).length >= MAX_NAMES) {
    const message = `${cannot}: ${MAX_NAMES} programs limit it, the most possible`;
    throw new RefusalError(400, "bad-request", message);
  }
  return withLimits(node, { ...others, [by]: limit });
}

/** The names that drain a node, in alphabetical order. */
export function drainedBy(node: NodeRow): string[] {
  return Object.entries(node.limits).filter(([, { cores }]) => cores === 0)
    .map(([name]) => name).sort();
}

/** The cores of each limit. */
export function coresByName({ limits }: NodeRow): { by: string; cores: number }[] {
  return Object.entries(limits).map(([by, { cores }]) => ({ by, cores }));
}

/**
 * What the node itself has to do: the cores that it lends, 0 while it drains, and the grace period for leases beyond. That is
 * the shortest of all its limits: a job waits for the leases beyond the limit of Slurm, also where an operator lends less.
 */
export function lentBy(node: NodeRow): LentLimit {
  if (node.drainMs !== null) return { cores: 0, graceMs: node.drainMs };
  const limits = Object.values(node.limits).filter(({ cores }) => cores < node.maxCores);
  return {
    cores: node.cores,
    graceMs: Math.min(MAX_DRAIN_GRACE_MS, ...limits.map(({ graceMs }) => graceMs)),
  };
}
