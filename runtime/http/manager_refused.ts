/** The error of a request that the resource manager refuses. */

import { RfaasError } from "../errors.ts";

/** The resource manager refused a request for another reason than its token. */
export class ManagerRefusedError extends RfaasError {
  /** The class's name. */
  override name = "ManagerRefusedError";
  /** The HTTP status, 400 to 499. */
  readonly status: number;
  /** The reason in one word, such as `register-again`, `bad-request` or `not-found`. */
  readonly code: string;

  /**
   * Makes the error.
   *
   * @param message What was refused, and why.
   * @param status The HTTP status, 400 to 499.
   * @param code The reason in one word.
   * @param options The cause.
   */
  constructor(message: string, status: number, code: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}
