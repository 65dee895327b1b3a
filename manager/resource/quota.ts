/** What a client may have at most. */
import type * as api from "../../runtime/http/manager_api.ts";
import { Refusal } from "./refusal.ts";
import type { LeaseRow, Taken, TokenRow, Transaction } from "./store.ts";

/** @throws {Refusal} 409 `quota` if the lease would take the client beyond what its token allows. */
export function checkQuota(tx: Transaction, caller: TokenRow, asked: Taken): void {
  const { leases, workers, memoryBytes } = caller.quota ?? {};
  if (leases === undefined && workers === undefined && memoryBytes === undefined) return;
  const has = tx.takenBy(caller.name);
  const checks = [
    ["leases", has.leases, 1, leases],
    ["workers", has.workers, asked.workers, workers],
    ["bytes of memory", has.memoryBytes, asked.memoryBytes, memoryBytes],
  ] as const;
  for (const [what, held, more, limit] of checks) {
    if (limit === undefined || held + more <= limit) continue;
    throw new Refusal(
      409,
      "quota",
      `Cannot give lease: client ${caller.name} has ${held} ${what} and asks for ${more}, ` +
        `its quota is ${limit}`,
    );
  }
}

/**
 * Whether a lease may take the place of a part of another: that of one that it had to give up, or will since the node is
 * taken back. Then it needs no quota of its own.
 *
 * @param known the other one.
 * @returns false if nothing of that runs any more.
 * @throws {Refusal} 409 `quota` if there is no such part.
 */
export function mayReplace(tx: Transaction, known: LeaseRow, asked: Taken): boolean {
  const { root, rootWorkers, rootMemoryBytes } = known;
  const family = tx.family(root);
  if (family.length === 0) return false;
  let workers = 0;
  let memoryBytes = 0;
  for (const lease of family) {
    workers += lease.workers;
    memoryBytes += lease.memoryBytes;
    for (const allocation of tx.allocationsOf(lease.id)) {
      const { drainMs = null } = tx.node(allocation.node) ?? {};
      if (allocation.state !== "claimed" || drainMs === null) continue;
      workers -= allocation.workers;
      memoryBytes -= allocation.memoryBytes;
    }
  }
  const rounding = rootWorkers; // each part's share of the memory is rounded up
  if (
    workers + asked.workers <= rootWorkers &&
    memoryBytes + asked.memoryBytes <= rootMemoryBytes + rounding
  ) return true;
  throw new Refusal(
    409,
    "quota",
    `Cannot give lease instead: of ${rootWorkers} workers and ${rootMemoryBytes} bytes that were given, ` +
      `${workers} and ${memoryBytes} are held, and ${asked.workers} and ${asked.memoryBytes} are asked for`,
  );
}

/** @throws {Refusal} 409 `quota` if the term is longer than the client's token allows. */
export function checkTerm(caller: TokenRow, asked: api.LeaseRenewal): void {
  const limit = caller.quota?.seconds;
  if (limit === undefined || asked.seconds <= limit) return;
  throw new Refusal(
    409,
    "quota",
    `Cannot give lease: client ${caller.name} asks for ${asked.seconds} seconds, ` +
      `its quota is ${limit}`,
  );
}
