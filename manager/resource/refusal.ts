import { RfaasError } from "../../runtime/errors.ts";

/** The statuses that the resource manager refuses with. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 410 | 413 | 429 | 503;

/** A request that is answered with an error. Thrown by the books, turned into JSON by the routes. */
export class Refusal extends RfaasError {
  override name = "Refusal";
  /** The HTTP status. */
  readonly status: RefusalStatus;
  /** The refusal in one word, for programs. */
  readonly code: string;
  /** When it makes sense to ask again, for the Retry-After header. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    status: RefusalStatus,
    code: string,
    message: string,
    retryAfterSeconds?: number,
  ) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
    this.status = status;
    this.code = code;
  }
}

/** The same answer for what does not exist and for what is someone else's. */
export function notFound(what: string, id: string): Refusal {
  return new Refusal(404, "not-found", `Cannot find ${what}: ${quoted(id)} is not known`);
}

/** Text from outside, safe and short enough for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
