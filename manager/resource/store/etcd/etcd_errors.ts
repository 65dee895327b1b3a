/** The failures of requests to etcd. */
import { RfaasError } from "../../../../runtime/errors.ts";

/** A member did not respond in time, or cannot be connected to. Whether the request was executed is unknown. */
export class EtcdUnreachableError extends RfaasError {
  override name = "EtcdUnreachableError";
}

/** Codes of gRPC: a request that no member accepts. */
const INVALID_ARGUMENT = 3;
const PERMISSION_DENIED = 7;
/** A revision that has been dropped, or that is still to come. */
const OUT_OF_RANGE = 11;
const UNAUTHENTICATED = 16;

/** A member refused a request. */
export class EtcdRefusedError extends RfaasError {
  override name = "EtcdRefusedError";
  /** Whether the request may succeed later or at another member. Otherwise it was not executed. */
  readonly isTemporary: boolean;
  /** Whether the token of the connection has expired. */
  readonly isToken: boolean;
  /** Whether etcd has not the revision of the request. */
  readonly isRevision: boolean;

  /**
   * @param member HOST:PORT of the member.
   * @param text the body of the response: JSON with a code and a message, or a text of a proxy.
   */
  constructor(member: string, status: number, text: string) {
    const { code, reason } = read(text);
    const state = reason === "" ? `status ${status}` : reason.slice(0, 200);
    super(`Cannot use etcd at ${member}: ${state}`);
    const isFull = reason.includes("database space exceeded");
    const isFinal = isFull || code === INVALID_ARGUMENT || code === PERMISSION_DENIED;
    // The second one has the code of a wrong argument: users or roles have changed since the token was issued.
    this.isToken = code === UNAUTHENTICATED || reason.includes("invalid auth token") ||
      reason.includes("revision of auth store is old");
    this.isRevision = code === OUT_OF_RANGE;
    this.isTemporary = this.isToken || !isFinal;
  }
}

/** Whether a request that failed may succeed later or at another member. */
export function isTemporary(
  error: unknown,
): error is EtcdRefusedError | EtcdUnreachableError {
  return error instanceof EtcdRefusedError
    ? error.isTemporary
    : error instanceof EtcdUnreachableError;
}

function read(text: string): { code: number; reason: string } {
  try {
    const body = JSON.parse(text);
    // That of a watch is in an object of its own.
    const from = typeof body.error === "object" ? body.error : body;
    const { code, grpc_code = code, message, error } = from;
    return { code: Number(grpc_code), reason: String(message ?? error ?? "") };
  } catch {
    return { code: 0, reason: text.trim() };
  }
}
