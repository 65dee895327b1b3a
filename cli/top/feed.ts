/** The stream from which the dashboard is drawn: what changes in the cluster, once a second. */

import { delay } from "@std/async";
import { ManagerUnreachableError, UnauthorizedError } from "../../runtime/errors.ts";
import { type ManagerResponse, reasonText } from "../../runtime/http/error_response.ts";
import type { ManagerAddress } from "../../runtime/http/manager_http.ts";
import {
  createManagerClient,
  type ManagerUrl,
  parseManagerUrls,
} from "../../runtime/http/manager_url.ts";
import { tokenText } from "../../runtime/http/token_text.ts";
import { readChange, type TopChange } from "./shown_schema.ts";

/** What the stream yields: a change, or why there is none at the moment. */
export type FeedEvent = { readonly change: TopChange } | {
  readonly away: ManagerUnreachableError;
  /** Whether each resource manager has been tried since the last change. */
  readonly isAll: boolean;
};

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5000;
/** The stream has a message each second. One without any for this long is taken to be lost. */
const SILENCE_MS = 8000;
/** Ten thousand leases take about 2 MB. */
const MAX_MESSAGE_LENGTH = 64 * 2 ** 20;

/**
 * Follows the cluster until the signal fires. Whenever the stream ends, it connects to the next resource manager.
 *
 * @throws {TypeError} When the address has no known form, or the token has characters that no token has.
 * @throws {UnauthorizedError} When the token is refused.
 * @throws {unknown} The signal's reason when it fires.
 */
export async function* followCluster(
  address: ManagerAddress,
  signal: AbortSignal,
): AsyncGenerator<FeedEvent, never> {
  const targets = parseManagerUrls(`${address.url}`);
  const token = tokenText(address.token);
  let retryMs = FIRST_RETRY_MS;
  let failures = 0;
  for (let at = 0;; at = (at + 1) % targets.length) {
    const target = targets[at]!;
    try {
      for await (const change of changesOf(target, { ...address, token }, signal)) {
        retryMs = FIRST_RETRY_MS;
        failures = 0;
        yield { change };
      }
      throw new TypeError("the stream has ended");
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof UnauthorizedError) throw cause;
      const state = cause instanceof Error ? cause.message : String(cause);
      const text = `Cannot follow cluster at ${target.url}: ${state}`;
      const isAll = ++failures >= targets.length;
      yield { away: new ManagerUnreachableError(text, { cause }), isAll };
    }
    if (at < targets.length - 1) continue; // a pause is of no use before each of them had the request
    await delay(retryMs, { signal });
    retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
  }
}

/** The changes of one stream, until it ends. */
async function* changesOf(
  target: ManagerUrl,
  { token, caCert }: ManagerAddress,
  signal: AbortSignal,
): AsyncGenerator<TopChange> {
  using client = createManagerClient(target, caCert);
  const silence = new AbortController();
  const watch = () =>
    setTimeout(
      () => silence.abort(new TypeError(`no message within ${SILENCE_MS} ms`)),
      SILENCE_MS,
    );
  let timer = watch();
  try {
    const response = await fetch(`${target.base}/ui/live`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: "error", // a redirect would carry the token to an address that the user did not name
      signal: AbortSignal.any([signal, silence.signal]),
      client,
    });
    if (!response.ok || response.body === null) {
      throw refusal({ status: response.status, body: await response.text() });
    }
    let text = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      clearTimeout(timer);
      timer = watch();
      text += piece;
      if (text.length > MAX_MESSAGE_LENGTH) throw new TypeError("its message is too long");
      const end = text.lastIndexOf("\n\n");
      if (end < 0) continue;
      for (const event of text.slice(0, end).split("\n\n")) {
        yield readChange(event.replace(/^data: /, ""));
      }
      text = text.slice(end + 2);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The error of a response without success. */
function refusal(response: ManagerResponse): Error {
  const { status } = response;
  const text = reasonText(response); // the screen has one line for it
  if (status === 401 || status === 403) return new UnauthorizedError(text);
  return new TypeError(status === 404 ? "it is of another version, without this stream" : text);
}
