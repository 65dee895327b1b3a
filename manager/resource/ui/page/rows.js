/** A list of which only the rows in view are in the page, so that ten thousand cost as much as fifty. */
import { html, useLayoutEffect, useRef, useState } from "./html.js";

/** Rows beyond each end of the view, so that the next row is there before it is scrolled to. */
const MARGIN_ROWS = 6;

/**
 * Rows of one height. Arrow keys move between rows, and within one.
 *
 * @template T
 * @param {{ items: readonly T[], height: number, label: string, keyOf: (item: T) => string | number,
 *   row: (item: T, options: { isTabStop: boolean }) => unknown, head?: unknown }} props
 */
export function Rows({ items, height, label, keyOf, row, head }) {
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800 });
  const [active, setActive] = useState(0);
  const toFocus = useRef(/** @type {number | undefined} */ (undefined));
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener("scroll", measure, { passive: true });
    measure();
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", measure);
    };
  }, []);
  useLayoutEffect(() => {
    if (toFocus.current === undefined) return;
    const target = scroller.current?.querySelector(`[data-at="${toFocus.current}"] [data-stop]`);
    if (!(target instanceof HTMLElement)) return; // the scroll has not shown it yet
    toFocus.current = undefined;
    target.focus({ preventScroll: true });
  });
  const last = items.length - 1;
  const tabStop = Math.min(active, last);
  const first = Math.max(0, Math.floor(view.top / height) - MARGIN_ROWS);
  const end = Math.min(items.length, Math.ceil((view.top + view.height) / height) + MARGIN_ROWS);

  const move = (/** @type {number} */ to) => {
    const at = Math.max(0, Math.min(last, to));
    const element = scroller.current;
    if (element === null) return;
    setActive(at);
    toFocus.current = at;
    const top = at * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height > element.scrollTop + element.clientHeight - HEAD_PX) {
      element.scrollTop = top + height - element.clientHeight + HEAD_PX;
    }
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const line = /** @type {HTMLElement | null} */ (target.closest("[data-at]"));
    if (line === null) return;
    const at = Number(line.dataset["at"]);
    const page = Math.max(1, Math.floor(view.height / height) - 2);
    const moves = {
      ArrowUp: at - 1,
      ArrowDown: at + 1,
      PageUp: at - page,
      PageDown: at + page,
      Home: 0,
      End: last,
    };
    if (event.key in moves) move(moves[/** @type {keyof typeof moves} */ (event.key)]);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const stops = [...line.querySelectorAll("button")];
      stops[
        stops.indexOf(/** @type {HTMLButtonElement} */ (target)) +
        (event.key === "ArrowRight" ? 1 : -1)
      ]?.focus();
    } else return;
    event.preventDefault();
  };
  const lines = [];
  for (let at = first; at < end; at++) {
    const item = /** @type {T} */ (items[at]);
    lines.push(html`
      <div role="row" class="row" key=${keyOf(item)} data-at=${at} aria-rowindex=${at + 2}
        style=${{ transform: `translateY(${at * height}px)`, height: `${height}px` }}
        onFocusIn=${() => setActive(at)}>
        ${row(item, { isTabStop: at === tabStop })}
      </div>
    `);
  }
  return html`
    <div class="rows" role="grid" aria-label=${label} aria-rowcount=${items.length + 1}
      ref=${scroller} onKeyDown=${onKeyDown}>
      <div role="rowgroup" class="head">
        <div role="row" class="row" aria-rowindex="1">${head}</div>
      </div>
      <div role="rowgroup" class="body" style=${{
        height: `${items.length * height}px`,
      }}>${lines}</div>
    </div>
  `;
}

/** The height of the head, which stays in view. */
const HEAD_PX = 28;
