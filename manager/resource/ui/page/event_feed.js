/** The events of the resource manager: the last ones first, then those that follow. */
import { request, RequestError } from "./session.js";

/** @typedef {import("../../../../runtime/http/event_api.ts").ClusterEvent} ClusterEvent */
/** @typedef {import("../../../../runtime/http/event_api.ts").EventList} EventList */
/** @typedef {{ read(list: EventList): void, reset(): void, state(problem: string): void }} Receiver */

/** The events that are read at first. */
const FIRST = 1000;
/** How long the resource manager may wait for an event. */
const WAIT_MS = 20_000;
/** The pause between two requests: many events are then one change of the page. */
const PAUSE_MS = 500;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;

/**
 * Reads events until it is closed. A hidden tab reads none.
 *
 * @param {string} session
 * @param {Receiver} receiver
 * @returns {() => void} closes it
 */
export function followEvents(session, receiver) {
  /** @type {string | undefined} */
  let last;
  let closing = new AbortController();
  const read = (/** @type {EventList} */ list) => {
    last = list.next ?? list.last;
    receiver.read(list);
  };
  const reset = () => {
    last = undefined;
    receiver.reset();
  };
  const begin = () => {
    closing.abort();
    closing = new AbortController();
    if (!document.hidden) run(session, () => last, { ...receiver, read, reset }, closing.signal);
  };
  begin();
  document.addEventListener("visibilitychange", begin);
  return () => {
    document.removeEventListener("visibilitychange", begin);
    closing.abort();
  };
}

/**
 * @param {string} session
 * @param {() => string | undefined} last
 * @param {Receiver} receiver
 * @param {AbortSignal} signal
 */
async function run(session, last, receiver, signal) {
  let retryMs = 0;
  while (!signal.aborted) {
    const after = last();
    const query = after === undefined ? `newest=${FIRST}` : `after=${after}&wait=${WAIT_MS}`;
    let pauseMs = PAUSE_MS;
    try {
      const list = await request("GET", `../v1/events?${query}`, { secret: session, signal });
      if (signal.aborted) return;
      receiver.read(list);
      receiver.state("");
      retryMs = 0;
      if (list.next !== undefined) pauseMs = 0;
    } catch (error) {
      if (signal.aborted) return;
      // The stream of the page ends it with its session.
      if (error instanceof RequestError && error.status === 401) return;
      // The state of the resource manager is another one, whose events have other numbers.
      if (error instanceof RequestError && error.status === 400) receiver.reset();
      receiver.state(error instanceof Error ? error.message : String(error));
      retryMs = Math.min(LAST_RETRY_MS, Math.max(FIRST_RETRY_MS, 2 * retryMs));
      pauseMs = retryMs;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
