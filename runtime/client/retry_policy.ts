/** When a call of a lease runs again: after its connection was lost, or when its node had no core for it. */

import { LoneRetries } from "../call/lone_retries.ts";
import type { WaitingCall } from "../call/waiting_call.ts";
import type { WorkerSession } from "../call/worker_session.ts";
import { ExecutorLostError, UnknownFunctionError } from "../errors.ts";
import type { LeaseBackend } from "./lease_backend.ts";
import { BUSY_PAUSE_MS, MAX_ATTEMPTS, MAX_BUSY_PAUSE_MS, MAX_LONE_LOSSES } from "../policy.ts";

/**
 * Checks the option `idempotent` against the package: a misspelled name would show only when an executor is lost.
 *
 * @throws {UnknownFunctionError} When the package exports no function of such a name.
 */
export function checkIdempotent(
  idempotent: true | ReadonlySet<string>,
  functions: ReadonlyMap<string, unknown>,
): void {
  if (idempotent === true) return;
  const unknown = [...idempotent].find((name) => !functions.has(name));
  if (unknown === undefined) return;
  throw new UnknownFunctionError(
    `Cannot take lease: idempotent names ${unknown}, the package exports only ${
      [...functions.keys()].join(", ")
    }`,
  );
}

export class RetryPolicy {
  readonly #state: LeaseBackend;
  readonly #idempotent: true | ReadonlySet<string>;
  readonly #lone: LoneRetries;

  /** @param idempotent The functions that may run twice for one call, or all. */
  constructor(state: LeaseBackend, idempotent: true | ReadonlySet<string>) {
    this.#state = state;
    this.#idempotent = idempotent;
    this.#lone = new LoneRetries(state.pool, (task) => this.#failOrphan(task));
  }

  /** Whether a function may run twice for one call. */
  isIdempotent(name: string): boolean {
    return this.#idempotent === true || this.#idempotent.has(name);
  }

  /** Repeats a call that lost its connection if that is allowed, else fails it with the reason of the loss. */
  readonly onLost = async (task: WaitingCall): Promise<void> => {
    const wasAlone = this.#lone.onLost(task);
    const { error, again, suspect } = await this.#state.lossOf(
      task.name,
      task.slot,
      task.session!,
      () => task.settled,
    );
    if (task.settled) return;
    const mayRun = this.isIdempotent(task.name) || task.slot?.mayHaveBegun === false;
    const allowed = task.repeatable && mayRun;
    const isKilled = error instanceof ExecutorLostError && error.code === "killed";
    if (wasAlone && !isKilled && suspect !== undefined && this.#lone.blame(task)) {
      error.message += `; it ran alone on its worker the last ${MAX_LONE_LOSSES} times`;
      return task.fail(error);
    }
    if (!again || !allowed || task.attempts >= MAX_ATTEMPTS) return task.fail(error);
    // The others in flight most likely did not run. One that is lost a second time is a suspect as well.
    if (suspect === "call" || (suspect === "any" && task.attempts > 1)) this.#lone.add(task);
    else this.#submitAgain(task);
  };

  /**
   * Repeats a call whose node leases more workers than it has cores, all of which are busy: at once on a worker of
   * another node, or after a pause.
   */
  readonly onBusy = (task: WaitingCall): void => {
    const state = this.#state;
    const busy = task.busyNodes ??= new Set();
    busy.add(state.nodeOf(task.session!));
    const hasCore = (session: WorkerSession) => !busy.has(state.nodeOf(session));
    if (task.worker === undefined && state.pool.submitTo(task, hasCore)) return;
    setTimeout(() => {
      if (task.settled) return;
      busy.clear();
      this.#submitAgain(task);
    }, Math.min(BUSY_PAUSE_MS * 2 ** Math.min(task.refusals - 1, 4), MAX_BUSY_PAUSE_MS));
  };

  #submitAgain(task: WaitingCall): void {
    if (!this.#failOrphan(task)) this.#state.pool.submit(task);
  }

  /** Fails a call that no worker can run. Returns false if one may. */
  #failOrphan(task: WaitingCall): boolean {
    const { pool, overReason } = this.#state;
    const gone = task.worker !== undefined && pool.session(task.worker) === null;
    if (!overReason && !gone) return false;
    task.fail(this.#state.noWorkerError(task.name, task.worker));
    return true;
  }
}
