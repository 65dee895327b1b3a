/** Why RDMA can't be used here. */

/**
 * What is missing: a library, a device, the permission to use it, a part of a library (too old), or memory that may
 * be locked.
 */
export type VerbsUnavailableCode = "library" | "device" | "permission" | "symbol" | "memlock";

/** RDMA can't be used: `code` says what is missing, the message what to do. */
export class VerbsUnavailable extends Error {
  override name = "VerbsUnavailable";
  readonly code: VerbsUnavailableCode;
  constructor(code: VerbsUnavailableCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
