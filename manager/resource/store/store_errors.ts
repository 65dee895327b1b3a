/** The errors of stores for which a client is refused. All but the last are those of a store that managers share. */
import { RfaasError } from "../../../runtime/errors.ts";

/** This process does not lead: another resource manager does, or it ends. The change was not made. */
export class NotLeaderError extends RfaasError {
  override name = "NotLeaderError";
  /** The address of the leader; undefined if none is known. */
  readonly leader: string | undefined;
  constructor(leader: string | undefined, state?: string) {
    super(`Cannot change rows: ${state ?? `${leader ?? "another resource manager"} leads`}`);
    this.leader = leader;
  }
}

/** The store did not respond in time. The change was not made. */
export class StoreUnreachableError extends RfaasError {
  override name = "StoreUnreachableError";
}

/** The store did not respond in time, or the leader changed twice meanwhile. The change may have been made. */
export class OutcomeUnknownError extends RfaasError {
  override name = "OutcomeUnknownError";
}

/** What was written last may be lost, so nothing is written any more. The change may have been made. */
export class StateNotKeptError extends RfaasError {
  override name = "StateNotKeptError";
  /** What happened. */
  readonly state: string;
  constructor(state: string) {
    super(`Cannot keep state: ${state}`);
    this.state = state;
  }
}
