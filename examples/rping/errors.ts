/** Errors between two connected ends. */

/** Why a ping failed, for callers that branch. */
export type PingErrorCode =
  | "silent" // the peer is connected but sends nothing
  | "gone" // the peer disconnected, died, or is unreachable
  | "failed" // a message, read or write was refused
  | "protocol" // the peer sent an unexpected message
  | "data"; // the received bytes differ from the sent ones

/** A failed ping. Failures before the connection is established are FabricErrors. */
export class PingError extends Error {
  override name = "PingError";
  readonly code: PingErrorCode;
  constructor(message: string, code: PingErrorCode) {
    super(message);
    this.code = code;
  }
}
