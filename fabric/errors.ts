/** The errors of the fabric. */

/** Why a fabric operation failed, for callers that branch. */
export type FabricErrorCode =
  | "address" // malformed, or of no provider
  | "refused" // nobody listens there
  | "rejected" // the listener said no; `privateData` may say why
  | "timeout"
  | "peer" // what the peer sent makes no sense, or it is of another version or user
  | "state" // not connected any more
  | "range" // a range, depth or key of this side is wrong
  | "full" // the send queue, receive queue or completion queue has no room
  | "unavailable"; // no device, no permission

/** A failed operation of the fabric. Failures of requests come as completions with a status instead. */
export class FabricError extends Error {
  override name = "FabricError";
  readonly code: FabricErrorCode;
  /** What a rejecting listener sent along; empty otherwise. */
  readonly privateData: Uint8Array;
  constructor(
    message: string,
    code: FabricErrorCode,
    options: ErrorOptions & { privateData?: Uint8Array } = {},
  ) {
    super(message, options);
    this.code = code;
    this.privateData = options.privateData ?? new Uint8Array(0);
  }
}
