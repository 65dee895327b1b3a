/** Sizes and durations for people. */

import { format as formatBytes } from "@std/fmt/bytes";
import { format as formatDuration } from "@std/fmt/duration";

/** A number of bytes with a binary unit and three digits: `64 MiB`, `23.5 GiB`. */
export function sizeText(bytes: number): string {
  // @std/fmt writes kiB; IEC 80000-13 has Ki.
  return formatBytes(bytes, { binary: true }).replace("kiB", "KiB");
}

/** A duration, rounded to seconds: `45s`, `1h 30m`. */
export function durationText(ms: number): string {
  return formatDuration(Math.round(ms / 1000) * 1000, { ignoreZero: true }) || "0s";
}
