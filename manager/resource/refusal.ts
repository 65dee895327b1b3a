import { RfaasError } from "../../runtime/errors.ts";

/** The HTTP statuses of refusals. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 410 | 413 | 429 | 503;

/** The codes of refusals; docs/http.md has the table. */
export const REFUSAL_CODES = [
  "bad-request",
  "unauthorized",
  "forbidden",
  "not-found",
  "bad-method",
  "too-slow",
  "full",
  "no-nodes",
  "quota",
  "register-again",
  "drained",
  "changed",
  "replaced",
  "exists",
  "in-use",
  "rotating",
  "too-many-keys",
  "over",
  "too-large",
  "too-many-requests",
  "busy",
  "closing",
  "no-state",
  "not-leader",
  "no-store",
  "outcome-unknown",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** A request that gets an error response. The books throw it, and the routes turn it into JSON. */
export class RefusalError extends RfaasError {
  override name = "RefusalError";
  /** The HTTP status. */
  readonly status: RefusalStatus;
  /** The reason as a code, for programs. */
  readonly code: RefusalCode;
  /** When to retry, for the `Retry-After` header. */
  readonly retryAfterSeconds: number | undefined;
  constructor(
    status: RefusalStatus,
    code: RefusalCode,
    message: string,
    retryAfterSeconds?: number,
  ) {
    super(message);
    this.retryAfterSeconds = retryAfterSeconds;
    this.status = status;
    this.code = code;
  }
}

/** The same refusal for a thing that does not exist and for one that belongs to another client. */
export function notFound(what: string, id: string): RefusalError {
  return new RefusalError(404, "not-found", `Cannot find ${what}: ${quoted(id)} is unknown`);
}

/** Text of a request, quoted and shortened for a message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
