/** Bodies of requests, bounded in size and time, and checked against a schema. */
import * as v from "../../../runtime/valibot.ts";
import { concat } from "../../../std/bytes.ts";
import { RefusalError } from "../refusal.ts";

/** What the body of a request may cost. */
export interface BodyLimits {
  readonly bytes: number;
  readonly timeoutMs: number;
}

/**
 * Reads a body as JSON.
 *
 * @throws {RefusalError} 413 if it is too long, 408 if it takes too long to arrive, 400 if it does not match the schema.
 */
export async function readJson<S extends v.GenericSchema>(
  request: Request,
  schema: S,
  limits: BodyLimits,
): Promise<v.InferOutput<S>> {
  const bytes = await readBytes(request, limits);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new RefusalError(
      400,
      "bad-request",
      "Cannot read request: its body is not JSON in UTF-8",
    );
  }
  const checked = v.safeParse(schema, json);
  if (checked.success) return checked.output;
  const issue = checked.issues[0];
  const field = issue.path?.map((item) => String(item.key)).join(".") ?? "body";
  const message = `Cannot read request: field ${field}: ${issue.message}`;
  throw new RefusalError(400, "bad-request", message.slice(0, 300));
}

/**
 * The part of a body that is read and discarded, in multiples of the limit. A client that sends the whole body before it
 * reads would otherwise never receive the response.
 */
const DISCARDED_TIMES = 4;

/**
 * Reads a body.
 *
 * @throws {RefusalError} 413 if it is too long, 408 if it takes too long to arrive, 400 if it is incomplete.
 */
export async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  // Created on demand, since an error costs more than the rest of a short body.
  const tooLong = () => {
    const message = `Cannot read request: its body is longer than ${limits.bytes} bytes`;
    return new RefusalError(413, "too-large", message);
  };
  // NaN without the header.
  const announced = Number(request.headers.get("content-length") ?? NaN);
  // Not std's deadline(): it costs 20 us more a request, and its timer lives on after the body has arrived.
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `Cannot read request: its body took longer than ${limits.timeoutMs} ms`;
      reject(new RefusalError(408, "too-slow", message));
    }, limits.timeoutMs);
  });
  try {
    // The server enforces the announced length. This costs half as much as a stream.
    if (announced <= limits.bytes) {
      return new Uint8Array(await Promise.race([request.arrayBuffer(), timeout]));
    }
    const bytes = await readStream(request, limits.bytes, timeout);
    if (bytes === undefined) throw tooLong();
    return bytes;
  } catch (error) {
    throw error instanceof RefusalError
      ? error
      : new RefusalError(400, "bad-request", "Cannot read request: its body is incomplete");
  } finally {
    clearTimeout(timer);
  }
}

/** @returns undefined if the body is longer than `maxBytes`. */
async function readStream(
  request: Request,
  maxBytes: number,
  timeout: Promise<never>,
): Promise<Uint8Array | undefined> {
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= maxBytes * DISCARDED_TIMES) {
    const { done, value } = await Promise.race([reader.read(), timeout]);
    if (done) break;
    length += value.length;
    if (length <= maxBytes) chunks.push(value);
  }
  return length > maxBytes ? undefined : concat(chunks);
}
