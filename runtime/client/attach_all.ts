/** Attaches to the workers of executors, to all or to none. */

import { FabricError } from "../../fabric/errors.ts";
import type { Provider } from "../../fabric/fabric.ts";
import {
  ExecutorLostError,
  FabricUnavailableError,
  LeaseRefusedError,
  RfaasError,
} from "../errors.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import { AttachRefusal } from "../protocol/attach.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import { attachWorker, LoadLostError } from "../call/attach_worker.ts";
import type { StackTranslator } from "../call/thrown_error.ts";
import type { WorkerSession } from "../call/worker_session.ts";

/**
 * Attaches to the workers of executors. If one attempt fails, it closes the other sessions and throws one error: a
 * refusal if there is one, else the last failure.
 *
 * @param workerIndexes The worker indexes that the executors must have, in this order.
 * @throws {LeaseRefusedError} When the package does not load.
 * @throws {LoadLostError} When an executor ends while it loads the package.
 * @throws {ExecutorLostError} When a connection fails, or the executors are not those of these workers.
 * @throws {FabricUnavailableError} When this process cannot use the fabric.
 * @throws {unknown} The signal's reason, when it fires.
 */
export async function attachAll(
  fabric: Pick<Provider, "connect">,
  executors: readonly Executor[],
  { depth, maxBytes, loadMs }: CheckedLeaseOptions,
  { firstSequence, attachMs, translate }: {
    readonly firstSequence: number;
    readonly attachMs: number;
    readonly translate: StackTranslator;
  },
  workerIndexes: readonly number[],
  signal: AbortSignal,
): Promise<WorkerSession[]> {
  const served = executors.map(({ worker }) => worker);
  if (served.join() !== workerIndexes.join()) {
    throw new ExecutorLostError(
      `Cannot attach to workers: expected executors of workers ${workerIndexes.join()}, the node sent those of ${served.join()}`,
      "not-run",
    );
  }
  const refused = new AbortController(); // ends the other attempts, whose package may hang
  const either = AbortSignal.any([signal, refused.signal]);
  const attempts = await Promise.allSettled(
    executors.map(async ({ address, worker, secret }) => {
      try {
        return await attachWorker(fabric, {
          address,
          worker,
          secret: Uint8Array.fromHex(secret),
          depth,
          maxBytes,
          firstSequence,
          timeoutMs: attachMs,
          loadMs: loadMs ?? attachMs,
          translate,
          signal: either,
        });
      } catch (error) {
        if (error instanceof LeaseRefusedError || error instanceof LoadLostError) {
          refused.abort(error);
        }
        throw error;
      }
    }),
  );
  const sessions: WorkerSession[] = [];
  let failure: { reason: unknown } | undefined;
  for (const attempt of attempts) {
    if (attempt.status === "fulfilled") sessions.push(attempt.value);
    // One worker that refuses a package shows why the attempts of the others have ended.
    else if (!failure || attempt.reason instanceof LeaseRefusedError) failure = attempt;
  }
  if (!failure) return sessions;
  for (const session of sessions) session.close();
  if (signal.aborted) throw signal.reason;
  throw attachError(failure.reason);
}

const OTHER_VERSION =
  "the node runs another version of rfaas: use the same one in the app and on the node";

/** The error of a lease whose worker did not attach. */
function attachError(cause: unknown): Error {
  if (cause instanceof RfaasError || cause instanceof LoadLostError) return cause;
  const { message } = cause as Error;
  const isOtherVersion = cause instanceof FabricError && cause.code === "rejected" &&
    cause.privateData[0] === AttachRefusal.VERSION;
  const hint = isOtherVersion ? `; ${OTHER_VERSION}` : "";
  const text = `Cannot attach to workers: ${message}${hint}`;
  return cause instanceof FabricError && cause.code === "unavailable"
    ? new FabricUnavailableError(text, { cause })
    : new ExecutorLostError(text, "not-run", { cause });
}
