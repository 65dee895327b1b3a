/** What can go wrong between two ends that are connected. */

/** Why a ping failed, for callers that branch. */
export type PingErrorCode =
  | "silent" // the peer is there, but does not say what it should
  | "gone" // the peer disconnected, died, or can't be reached any more
  | "failed" // a message, read or write was refused
  | "protocol" // the peer says what it should not
  | "data"; // what arrived is not what was sent

/** A failed ping; what fails before two ends are connected is a FabricError. */
export class PingError extends Error {
  override name = "PingError";
  readonly code: PingErrorCode;
  constructor(message: string, code: PingErrorCode) {
    super(message);
    this.code = code;
  }
}
