/** Numbers, sizes and times as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const count = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const dateTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** @param {number} number */
export function countText(number) {
  return count.format(number);
}

/** A number of cores that is not whole, such as those in use. @param {number} cores */
export function coresText(cores) {
  return cores >= 100 || Number.isInteger(cores)
    ? count.format(Math.round(cores))
    : cores.toFixed(1);
}

/** @param {number} bytes */
export function bytesText(bytes) {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const size = bytes / 1024 ** power;
  return `${size >= 100 || Number.isInteger(size) ? Math.round(size) : size.toFixed(1)} ${
    UNITS[power]
  }`;
}

/** A message that has sizes in bytes, with their units. @param {string} message */
export function sizesText(message) {
  return message.replace(
    /(\d{4,}) free bytes/g,
    (_, bytes) => `${bytesText(Number(bytes))} of free memory`,
  );
}

/** @param {number} ms */
export function durationText(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = seconds / 60;
  if (minutes < 120) return `${Math.round(minutes)} min`;
  const hours = minutes / 60;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} d`;
}

/** A duration of steps that take milliseconds. @param {number} ms */
export function shortDurationText(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : durationText(ms);
}

/** @param {number} ms */
export function clockText(ms) {
  return clock.format(ms);
}

/** @param {number} ms */
export function dateText(ms) {
  return dateTime.format(ms);
}

/** @param {number} ms */
export function dayText(ms) {
  return day.format(ms);
}

/** @param {number} number @param {string} one @param {string} [many] */
export function plural(number, one, many = `${one}s`) {
  return `${count.format(number)} ${number === 1 ? one : many}`;
}

/** The first digits of an id, enough to distinguish ids at a glance. @param {string} id */
export function shortId(id) {
  return id.slice(0, 8);
}

/** @param {number} workers */
export function coresOf(workers) {
  return plural(workers, "core");
}
