/** How the charts look, in light and in dark. */

export interface Palette {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly background: string;
  /** rfaas itself, from the fastest way of calling to the most convenient. */
  readonly own: readonly string[];
  /** What nothing can beat. */
  readonly floor: string;
  /** What others offer. */
  readonly others: readonly string[];
}

export interface Look extends Palette {
  /** Of the chart, in pixels. */
  readonly width: number;
  /** There is no room to waste, as on a phone. */
  readonly narrow: boolean;
}

// Okabe and Ito's colours, which the colour-blind can tell apart, lighter where the ground is dark.
export const LIGHT: Palette = {
  text: "#222222",
  faint: "#666666",
  grid: "#e4e4e4",
  background: "#ffffff",
  own: ["#0072b2", "#3d9bd0", "#7fbfe4"],
  floor: "#777777",
  others: ["#d55e00", "#e69f00", "#009e73", "#cc79a7", "#8c6d31", "#9467bd", "#b22222"],
};
export const DARK: Palette = {
  text: "#e8e8e8",
  faint: "#a0a0a0",
  grid: "#3a3d42",
  background: "#16181c",
  own: ["#5cb8f2", "#8fcdf5", "#bfe2fa"],
  floor: "#a8a8a8",
  others: ["#ff8f3f", "#f2c14e", "#34c99a", "#e29bc4", "#c9a86a", "#b79ae0", "#ff7b7b"],
};

export const FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif";

/** A time in the unit that people say: 210 ns, 4.5 us, 38 ms, 1.2 s. */
export function sayUs(us: number): string {
  const [value, unit] = us < 1
    ? [us * 1000, "ns"]
    : us < 1000
    ? [us, "µs"]
    : us < 1e6
    ? [us / 1000, "ms"]
    : [us / 1e6, "s"];
  return `${sayNumber(value)} ${unit}`;
}

/** Three digits at most: 4.32M, 512k, 87, 1.5. */
export function sayCount(value: number): string {
  if (value >= 1e9) return `${sayNumber(value / 1e9)}G`;
  if (value >= 1e6) return `${sayNumber(value / 1e6)}M`;
  if (value >= 1e3) return `${sayNumber(value / 1e3)}k`;
  return sayNumber(value);
}

/** A size as people say it: 64 B, 4 KiB, 16 MiB. */
export function sayBytes(bytes: number): string {
  if (bytes >= 2 ** 20) return `${bytes / 2 ** 20} MiB`;
  return bytes >= 2 ** 10 ? `${bytes / 2 ** 10} KiB` : `${bytes} B`;
}

function sayNumber(value: number): string {
  if (value >= 100 || value === 0) return value.toFixed(0);
  return String(Number(value.toPrecision(value < 10 ? 2 : 3)));
}
