/** Bodies of requests: bounded in size and time, and checked before anyone sees them. */
import * as v from "../../runtime/valibot.ts";
import { Refusal } from "./refusal.ts";

/** What a request's body may cost. */
export interface BodyLimits {
  readonly bytes: number;
  readonly timeoutMs: number;
}

/**
 * Reads a body as JSON of a schema.
 *
 * @throws {Refusal} 413 if it is too long, 408 if it comes too slowly, 400 if it is not what the
 * schema says.
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
    throw new Refusal(400, "bad-request", "Cannot read request: its body is not JSON in UTF-8");
  }
  const checked = v.safeParse(schema, json);
  if (checked.success) return checked.output;
  const issue = checked.issues[0];
  const field = issue.path?.map((item) => String(item.key)).join(".") ?? "body";
  const message = `Cannot read request: field ${field}: ${issue.message}`;
  throw new Refusal(400, "bad-request", message.slice(0, 300));
}

/**
 * How many times the limit of a body is read and dropped: who sends all before it listens would else never hear the
 * answer. The rest is left in the sender's hands.
 */
const droppedTimes = 4;

async function readBytes(request: Request, limits: BodyLimits): Promise<Uint8Array> {
  // Made when it is needed only: an error costs more than the rest of a short body.
  const tooLong = () => {
    const message = `Cannot read request: its body is longer than ${limits.bytes} bytes`;
    return new Refusal(413, "too-large", message);
  };
  // NaN if it was not told.
  const told = Number(request.headers.get("content-length") ?? NaN);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooSlow = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `Cannot read request: its body took longer than ${limits.timeoutMs} ms`;
      reject(new Refusal(408, "too-slow", message));
    }, limits.timeoutMs);
  });
  try {
    // The server holds a body to the length that was told, and reads it so for half the price of a stream.
    if (told <= limits.bytes) {
      return new Uint8Array(await Promise.race([request.arrayBuffer(), tooSlow]));
    }
    const bytes = await readStream(request, limits.bytes, tooSlow);
    if (bytes === undefined) throw tooLong();
    return bytes;
  } catch (error) {
    throw error instanceof Refusal
      ? error
      : new Refusal(400, "bad-request", "Cannot read request: its body broke off");
  } finally {
    clearTimeout(timer);
  }
}

/** @returns nothing if it is longer than `most` bytes. */
async function readStream(
  request: Request,
  most: number,
  tooSlow: Promise<never>,
): Promise<Uint8Array | undefined> {
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length <= most * droppedTimes) {
    const { done, value } = await Promise.race([reader.read(), tooSlow]);
    if (done) break;
    length += value.length;
    if (length <= most) chunks.push(value);
  }
  if (length > most) return undefined;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
