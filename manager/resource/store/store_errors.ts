/** The errors of a store that several resource managers share. */
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
