/** What happened, the last first, as the resource manager keeps it. */
import { followEvents } from "./event_feed.js";
import { eventText, selectionOf } from "./event_text.js";
import { clockText, countText, dayText, plural } from "./format.js";
import { html, useEffect, useState } from "./html.js";
import { useNarrow } from "./narrow.js";
import { Rows } from "./rows.js";

/** @typedef {import("./event_feed.js").ClusterEvent} ClusterEvent */
/** @typedef {ReturnType<typeof shownOf>} ShownEvent */

const ROW_PX = 26;
/** In a narrow window, the text has two lines of its own. */
const NARROW_ROW_PX = 66;
const MAX_EVENTS = 5000;
const EMPTY =
  "Nothing has happened yet. What happens to leases, nodes, tokens and keys, and which requests " +
  "are refused, will be listed here.";

/** @param {import("./topology.js").ViewProps} props */
export function Events({ session, onSelect }) {
  const isNarrow = useNarrow();
  const [sought, setSought] = useState("");
  const [events, setEvents] = useState(
    /** @type {readonly ShownEvent[] | undefined} */ (undefined),
  );
  const [missed, setMissed] = useState(0);
  const [problem, setProblem] = useState("");
  useEffect(() =>
    followEvents(session.session, {
      read: (list) => {
        const added = list.events.map(shownOf).reverse();
        setEvents((before = []) => [...added, ...before].slice(0, MAX_EVENTS));
        setMissed((before) => before + list.missed);
      },
      reset: () => {
        setEvents(undefined);
        setMissed(0);
      },
      state: setProblem,
    }), [session.session]);
  const text = sought.trim().toLowerCase();
  const shown = (events ?? []).filter(({ line }) => text === "" || line.includes(text));
  const head = html`
    <span role="columnheader" class="time">Time</span>
    <span role="columnheader" class="name">Subject</span>
    <span role="columnheader" class="rest">Event</span>
  `;
  return html`
    <section class="view events" aria-label="Events">
      <div class="tools">
        <input type="search" placeholder="Filter" aria-label="Filter events" value=${sought}
          onInput=${(/** @type {any} */ event) => setSought(event.target.value)} />
        ${shown.length > 0 && html`<p class="note">The last ${countText(shown.length)}</p>`}
        ${missed > 0 && html`<p class="draining">${plural(missed, "event")} dropped before the page
          read them</p>`}
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      </div>
      ${events === undefined
        ? html`<p class="empty">Loading</p>`
        : shown.length === 0
        ? html`<p class="empty">${text === "" ? EMPTY : "No event matches."}</p>`
        : html`
          <${Rows} label="Events" items=${shown} height=${isNarrow
            ? NARROW_ROW_PX
            : ROW_PX} head=${head}
            keyOf=${(/** @type {ShownEvent} */ { seq }) => seq}
            row=${(
              /** @type {ShownEvent} */ { atMs, subject, what, level, selects },
              /** @type {{ isTabStop: boolean }} */ { isTabStop },
            ) =>
              html`
                  <time role="gridcell" class="time note"><span class="date">${dayText(
                    atMs,
                  )}, </span>${clockText(atMs)}</time>
                  ${selects === undefined
                    ? html`<span role="rowheader" class="name" data-stop tabindex=${
                      isTabStop ? 0 : -1
                    }>${subject}</span>`
                    : html`<span role="rowheader" class="name"><button type="button" class="plain"
                    data-stop tabindex=${isTabStop ? 0 : -1}
                    onClick=${() => onSelect(selects)}>${subject}</button></span>`}
                <span role="gridcell" class="rest ${level}" title=${what}>${what}</span>
              `} />
        `}
    </section>
  `;
}

/** An event with its texts, which are made once. @param {ClusterEvent} event */
function shownOf(event) {
  const { subject, what, level } = eventText(event);
  const { seq, atMs, event: kind, lease = "", node = "" } = event;
  const line = `${subject} ${what} ${kind} ${lease} ${node}`.toLowerCase();
  return { seq, atMs, subject, what, level, line, selects: selectionOf(event) };
}
