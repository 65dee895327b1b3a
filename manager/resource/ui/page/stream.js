/** The stream of changes: server-sent events, read by fetch, since an EventSource cannot send the session. */
import { refusalOf, RequestError } from "./session.js";

/** @typedef {import("../shown_cluster.ts").ShownChange} ShownChange */
/** @typedef {{ change(change: ShownChange): void, state(state: "live" | "lost"): void, over(): void }} Receiver */

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** The stream has a message each second. One without any for this long is taken to be lost. */
const SILENCE_MS = 8000;

/**
 * Follows the stream until it is closed. Connects again whenever it ends.
 *
 * @param {string} session
 * @param {Receiver} receiver
 * @returns {() => void} closes it
 */
export function follow(session, receiver) {
  const closing = new AbortController();
  run(session, receiver, closing.signal);
  return () => closing.abort();
}

/** @param {string} session @param {Receiver} receiver @param {AbortSignal} signal */
async function run(session, receiver, signal) {
  let retryMs = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      await readOnce(session, signal, (change) => {
        retryMs = FIRST_RETRY_MS;
        receiver.change(change);
        receiver.state("live");
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof RequestError && error.status === 401) return receiver.over();
    }
    if (signal.aborted) return;
    receiver.state("lost");
    await new Promise((resolve) => setTimeout(resolve, retryMs));
    retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
  }
}

/** @param {string} session @param {AbortSignal} signal @param {(change: ShownChange) => void} receive */
async function readOnce(session, signal, receive) {
  const silence = new AbortController();
  const watch = () => setTimeout(() => silence.abort(), SILENCE_MS);
  let timer = watch();
  try {
    const response = await fetch("live", {
      headers: { authorization: `Bearer ${session}` },
      cache: "no-store",
      signal: AbortSignal.any([signal, silence.signal]),
    });
    if (!response.ok || response.body === null) throw await refusalOf(response);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = watch();
      text += value;
      const end = text.lastIndexOf("\n\n");
      if (end < 0) continue;
      for (const event of text.slice(0, end).split("\n\n")) {
        receive(JSON.parse(event.replace(/^data: /, "")));
      }
      text = text.slice(end + 2);
    }
  } finally {
    clearTimeout(timer);
  }
}
