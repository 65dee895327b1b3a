/** The error of a host that cannot use RDMA. */

/**
 * What is missing: a library, a device, the permission to use it, a part of a library that is too old, or the right to
 * lock enough memory.
 */
export type VerbsUnavailableCode = "library" | "device" | "permission" | "symbol" | "memlock";

/** RDMA cannot be used. The message has the remedy. */
export class VerbsUnavailableError extends Error {
  override name = "VerbsUnavailableError";
  /** What is missing. */
  readonly code: VerbsUnavailableCode;
  constructor(code: VerbsUnavailableCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
