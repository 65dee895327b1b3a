/** Requests that a standby has read to their end, so that one leader after another may receive them. */
import { RefusalError } from "../refusal.ts";
import { type BodyLimits, readBytes } from "./body.ts";

/** A request with its body. */
export interface HeldRequest {
  readonly request: Request;
  /** Null if it has none. */
  readonly body: Uint8Array<ArrayBuffer> | null;
}

/**
 * Reads the body of a request.
 *
 * @returns the refusal of a body that is too long, too slow or incomplete.
 */
export async function hold(request: Request, limits: BodyLimits): Promise<HeldRequest | Response> {
  if (request.body === null) return { request, body: null };
  try {
    return { request, body: await readBytes(request, limits) as Uint8Array<ArrayBuffer> };
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error;
    const { status, code, message } = error;
    // The rest of the body is not read, so the connection cannot be used again.
    const headers = { connection: "close" };
    return Response.json({ error: { code, message } }, { status, headers });
  }
}

/** The same request for a handler in this process. */
export function released({ request, body }: HeldRequest): Request {
  if (body === null) return request;
  const { url, method, headers, signal } = request;
  return new Request(url, { method, headers, signal, body });
}
