/** The errors a caller of rfaas may meet. All extend {@linkcode RfaasError}. */

/** What is known of a call whose executor or node was lost. */
export type Outcome = "not-run" | "unknown";

/** The base of every error that rfaas throws for a reason outside the caller's own code. */
export class RfaasError extends Error {
  override name = "RfaasError";
  /** The place of the failed input in {@linkcode Lease.map}'s iterable, counted from 0. */
  declare index?: number;
}

/** The function threw, or broke its contract. `remoteName`, `message` and `remoteStack` come from there. */
export class FunctionError extends RfaasError {
  override name = "FunctionError";
  /** The name of the error thrown in the function, such as `TypeError`. */
  readonly remoteName: string;
  /** The stack in the executor, or an empty string. */
  readonly remoteStack: string;
  constructor(message: string, remoteName: string, remoteStack: string, options?: ErrorOptions) {
    super(message, options);
    this.remoteName = remoteName;
    this.remoteStack = remoteStack;
  }
}

/** The package exports no function of this name. */
export class UnknownFunction extends RfaasError {
  override name = "UnknownFunction";
}

/** The executor names a codec for a function that this version does not have. */
export class UnknownCodec extends RfaasError {
  override name = "UnknownCodec";
}

/** The argument is longer than the slot. */
export class ArgumentTooLong extends RfaasError {
  override name = "ArgumentTooLong";
}

/** The result is longer than the caller made room for. */
export class ResultTooLong extends RfaasError {
  override name = "ResultTooLong";
}

/** The call was not answered in its time. It may still run; its slot stays out of use until it is over. */
export class DeadlineExceeded extends RfaasError {
  override name = "DeadlineExceeded";
}

/** The executor was ended because it passed a limit of the lease, or the call asked for more than a limit. */
export class LimitExceeded extends RfaasError {
  override name = "LimitExceeded";
  /** Which: `memory`, `call` (the time of one call), `cpu` (the processor time of the lease). */
  readonly limit: string;
  constructor(message: string, limit: string, options?: ErrorOptions) {
    super(message, options);
    this.limit = limit;
  }
}

/** The lease has ended: its term is over, it was closed, or it was taken back. */
export class LeaseOver extends RfaasError {
  override name = "LeaseOver";
}

/** No lease was given. `reason` says why in one word. */
export class LeaseRefused extends RfaasError {
  override name = "LeaseRefused";
  /** Why, such as `full`, `quota`, `expired`, `bad-grant`, `bad-package`, `bad-request`, `memory`, `native`. */
  readonly reason: string;
  constructor(message: string, reason: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** The executor died or was ended during the call. */
export class ExecutorLost extends RfaasError {
  override name = "ExecutorLost";
  /** `not-run`: the call never reached a worker. `unknown`: it may have run. */
  readonly outcome: Outcome;
  constructor(message: string, outcome: Outcome, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** The node of the call, or its executor manager, can't be reached any more. */
export class NodeLost extends RfaasError {
  override name = "NodeLost";
  /** `not-run`: the call never reached a worker. `unknown`: it may have run. */
  readonly outcome: Outcome;
  constructor(message: string, outcome: Outcome, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** The resource manager does not answer, or what it answers makes no sense. */
export class ManagerUnreachable extends RfaasError {
  override name = "ManagerUnreachable";
}

/** The resource manager does not know the token, or the token may not do this. */
export class Unauthorized extends RfaasError {
  override name = "Unauthorized";
}

/** This process can't use the fabric: no permission, no device, or no address in common with the node. */
export class FabricUnavailable extends RfaasError {
  override name = "FabricUnavailable";
}

/** Every slot is in use. */
export class Busy extends RfaasError {
  override name = "Busy";
}
