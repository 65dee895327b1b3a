/** What a client may have at most. */
import type * as api from "../../runtime/manager_api.ts";
import { Refusal } from "./refusal.ts";
import type { Taken, TakenBy, TokenRow, Transaction } from "./store.ts";

/** @throws {Refusal} 409 `quota` if the lease would take the client beyond what its token allows. */
export function checkQuota(tx: Transaction, caller: TokenRow, asked: Taken): void {
  const { leases, workers, memoryBytes } = caller.quota ?? {};
  if (leases === undefined && workers === undefined && memoryBytes === undefined) return;
  const has = lasting(tx, caller.name);
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
 * What a client has, without what it has of nodes that are taken back: that is over when their notices are, and a quota
 * that is used up shall not keep a lease from moving.
 */
function lasting(tx: Transaction, client: string): TakenBy {
  let { leases, workers, memoryBytes } = tx.takenBy(client);
  const going = tx.nodes().filter(({ drainMs }) => drainMs !== null)
    .flatMap(({ id }) => tx.liveAllocationsOn(id))
    .filter(({ state, lease }) => state === "claimed" && tx.lease(lease)?.client === client);
  for (const allocation of going) {
    workers -= allocation.workers;
    memoryBytes -= allocation.memoryBytes;
  }
  for (const lease of new Set(going.map(({ lease }) => lease))) {
    const live = tx.allocationsOf(lease).filter(({ state }) => state !== "ended");
    if (live.every((each) => going.some(({ node }) => node === each.node))) leases--;
  }
  return { leases, workers: Math.max(0, workers), memoryBytes: Math.max(0, memoryBytes) };
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
