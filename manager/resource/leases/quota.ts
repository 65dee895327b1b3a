/** The limits of a client. */
import type * as api from "../../../runtime/http/manager_api.ts";
import { RefusalError } from "../refusal.ts";
import type { LeaseRow, NodeRow, Resources, TokenRow, Transaction } from "../store/store.ts";

/** @throws {RefusalError} 409 `quota` if the lease would exceed the quota of the client. */
export function checkQuota(tx: Transaction, caller: TokenRow, request: Resources): void {
  const excess = excessOf(tx, caller, request);
  if (excess === undefined) return;
  const [what, held, more, limit] = excess;
  throw new RefusalError(
    409,
    "quota",
    `Cannot grant lease: client ${caller.name} has ${held} ${what} and requests ${more}, ` +
      `its quota is ${limit}`,
  );
}

/** Whether a lease that has ended may run again within the quota of its client, which may have other leases meanwhile. */
export function fitsAgain(tx: Transaction, lease: LeaseRow): boolean {
  if (tx.leasesWithRoot(lease.root).length > 0) return true; // it counts already
  const token = tx.tokens().find(({ role, name }) => role === "client" && name === lease.client);
  const { rootWorkers: workers, rootMemoryBytes: memoryBytes } = lease;
  return token === undefined || excessOf(tx, token, { workers, memoryBytes }) === undefined;
}

/** The first limit of a client that one more lease would exceed: its name, what is held, what is more, and the limit. */
function excessOf(tx: Transaction, { name, quota = {} }: TokenRow, more: Resources) {
  const { leases, workers, memoryBytes } = quota;
  if (leases === undefined && workers === undefined && memoryBytes === undefined) return undefined;
  const used = tx.allocatedTo(name);
  const checks = [
    ["leases", used.leases, 1, leases],
    ["workers", used.workers, more.workers, workers],
    ["bytes of memory", used.memoryBytes, more.memoryBytes, memoryBytes],
  ] as const;
  return checks.find(([, held, more, limit]) => limit !== undefined && held + more > limit);
}

/**
 * Whether a lease may replace a part of another: one that has ended, or leaves for a request of a higher class, or whose
 * node drains or lends fewer cores than before. It then needs no quota of its own.
 *
 * @param known the other lease.
 * @param isLeaving returns whether a part leaves for a request of a higher class.
 * @returns false if no lease with its root runs.
 * @throws {RefusalError} 409 `quota` if there is no such part.
 */
export function mayReplace(
  tx: Transaction,
  known: LeaseRow,
  request: Resources,
  isLeaving: (lease: string, node: string) => boolean,
): boolean {
  const { root, rootWorkers, rootMemoryBytes } = known;
  const running = tx.leasesWithRoot(root);
  if (running.length === 0) return false;
  let workers = 0;
  let memoryBytes = 0;
  for (const lease of running) {
    workers += lease.workers;
    memoryBytes += lease.memoryBytes;
    for (const allocation of tx.allocationsOf(lease.id)) {
      const node = tx.node(allocation.node);
      if (allocation.state !== "claimed" || node === undefined) continue;
      if (!isLeaving(lease.id, node.id) && !haveToLeave(tx, node)) continue;
      workers -= allocation.workers;
      memoryBytes -= allocation.memoryBytes;
    }
  }
  const rounding = rootWorkers; // the memory share of each part is rounded up
  if (
    workers + request.workers <= rootWorkers &&
    memoryBytes + request.memoryBytes <= rootMemoryBytes + rounding
  ) return true;
  throw new RefusalError(
    409,
    "quota",
    `Cannot grant replacement lease: of ${rootWorkers} workers and ${rootMemoryBytes} bytes granted first, ` +
      `${workers} and ${memoryBytes} are held, and ${request.workers} and ${request.memoryBytes} are requested`,
  );
}

/**
 * Whether leases have to leave a node: it drains, or lends fewer cores than it has, and fewer than are claimed there.
 * Candidates do not count: nodes admit leases beyond those that are reserved, so that both together may exceed its cores.
 */
function haveToLeave(tx: Transaction, { id, cores, maxCores, drainMs }: NodeRow): boolean {
  if (drainMs !== null) return true;
  if (cores === maxCores) return false;
  const claimed = tx.liveAllocationsOn(id).filter(({ state }) => state === "claimed");
  return claimed.reduce((sum, { workers }) => sum + workers, 0) > cores;
}

/** @throws {RefusalError} 409 `quota` if the term is longer than the quota of the client allows. */
export function checkTerm(caller: TokenRow, { termMs }: api.LeaseRenewal): void {
  const limit = caller.quota?.termMs;
  if (limit === undefined || termMs <= limit) return;
  throw new RefusalError(
    409,
    "quota",
    `Cannot grant lease: client ${caller.name} requests a term of ${termMs} ms, ` +
      `its quota is ${limit} ms`,
  );
}
