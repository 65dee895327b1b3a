/** Attaching to all workers of an executor: all of them, or none. */

import { FabricError } from "../../fabric/errors.ts";
import type { Provider } from "../../fabric/fabric.ts";
import { ExecutorLost, FabricUnavailable, LeaseRefused, RfaasError } from "../errors.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import { attachWorker } from "../call/attach_worker.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/**
 * @param places of the executor's workers in the lease.
 * @throws {LeaseRefused} {ExecutorLost} {FabricUnavailable} or the signal's reason: the failure that says most, once the sessions that came about are closed again.
 */
export async function attachAll(
  fabric: Pick<Provider, "connect">,
  executor: Executor,
  { depth, maxBytes }: CheckedLeaseOptions,
  { firstSequence, attachMs }: { readonly firstSequence: number; readonly attachMs: number },
  places: readonly number[],
  signal: AbortSignal,
): Promise<WorkerSession[]> {
  const { length } = executor.addresses;
  if (length !== places.length) {
    throw new ExecutorLost(
      `Cannot attach to the workers: the node names ${length} addresses for ${places.length} workers`,
      "not-run",
    );
  }
  const secret = Uint8Array.fromHex(executor.secret);
  const attempts = await Promise.allSettled(
    executor.addresses.map((address, worker) =>
      attachWorker(fabric, {
        address,
        worker,
        place: places[worker]!,
        secret,
        depth,
        maxBytes,
        firstSequence,
        timeoutMs: attachMs,
        signal,
      })
    ),
  );
  const sessions: WorkerSession[] = [];
  let failure: { reason: unknown } | undefined;
  for (const attempt of attempts) {
    if (attempt.status === "fulfilled") sessions.push(attempt.value);
    // A worker that has said why it serves nothing ends its executor, and with it those that had not got so far.
    else if (!failure || attempt.reason instanceof LeaseRefused) failure = attempt;
  }
  if (!failure) return sessions;
  for (const session of sessions) session.close();
  if (signal.aborted) throw signal.reason;
  throw attachError(failure.reason);
}

/** What a failure to attach means to who wants the lease. */
function attachError(cause: unknown): RfaasError {
  if (cause instanceof RfaasError) return cause;
  const { message } = cause as Error;
  if (cause instanceof FabricError && cause.code === "unavailable") {
    return new FabricUnavailable(`Cannot attach to the workers: ${message}`, { cause });
  }
  if (cause instanceof FabricError) {
    return new ExecutorLost(`Cannot attach to the workers: ${message}`, "not-run", { cause });
  }
  // It was connected, and did not tell of its functions: the package had the thread, or ended it.
  return new LeaseRefused(`Cannot load the function package: ${message}`, "bad-package", { cause });
}
