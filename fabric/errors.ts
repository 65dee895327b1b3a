/** The error class of the fabric. */

/** Why a fabric operation failed, for callers that branch. */
export type FabricErrorCode =
  | "address" // malformed, of no provider, or not usable to listen at
  | "refused" // there is no listener at the address
  | "rejected" // the listener rejected the request; `privateData` may have its reason
  | "timeout"
  | "peer" // the peer sent something malformed, is of another version or user, or has gone
  | "state" // closed, disconnected, or answered before
  | "range" // a local range, depth, key or length is wrong
  | "full" // the send queue, receive queue, completion queue or region table is full
  | "unavailable"; // no device, no permission

/** A failed operation of the fabric. A failed request completes with a status instead. */
export class FabricError extends Error {
  override name = "FabricError";
  /** Why, for callers that branch. */
  readonly code: FabricErrorCode;
  /** The private data of a listener that rejected the request; empty otherwise. */
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
