/** Reads at intervals, while the page is seen. */

/**
 * Calls `read` at once, and again some time after it has ended: never twice at a time. A hidden tab reads nothing until it
 * is seen again.
 *
 * @param {() => Promise<void>} read never fails
 * @param {number} pauseMs
 * @returns {() => void} ends it
 */
export function repeat(read, pauseMs) {
  let isOver = false;
  let isReading = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const next = async () => {
    clearTimeout(timer);
    if (isOver || isReading || document.hidden) return;
    isReading = true;
    await read();
    isReading = false;
    if (!isOver) timer = setTimeout(next, pauseMs);
  };
  next();
  document.addEventListener("visibilitychange", next);
  return () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", next);
  };
}
