import { RfaasError } from "../errors.ts";

/** The resource manager understood the request and refused it. Met by executor managers and the cli. */
export class ManagerRefused extends RfaasError {
  override name = "ManagerRefused";
  /** The HTTP status, 400 to 499. */
  readonly status: number;
  /** The refusal in one word, such as `register-again`, `bad-request`, `not-found`. */
  readonly code: string;
  constructor(message: string, status: number, code: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }
}
