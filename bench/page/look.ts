/** The look of the charts, in light and dark mode, and the formats of their figures. */

export interface Palette {
  readonly text: string;
  readonly faint: string;
  readonly grid: string;
  readonly background: string;
  /** rfaas, from the fastest kind of call to the most convenient. */
  readonly own: readonly string[];
  /** The lower bound. */
  readonly floor: string;
  /** Other transports. */
  readonly others: readonly string[];
}

export interface Look extends Palette {
  /** The width of the chart, in pixels. */
  readonly width: number;
  /** Whether space is scarce, as on a phone. */
  readonly narrow: boolean;
  /** The gap between two names of a legend, in pixels. @default {14} */
  readonly legendGap?: number;
}

// The colors of Okabe and Ito, which color-blind readers can distinguish; lighter on a dark background.
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

/** Formats a time in the usual unit: 210 ns, 4.5 µs, 38 ms, 1.2 s. */
export function formatUs(us: number): string {
  const [value, unit] = us < 1
    ? [us * 1000, "ns"]
    : us < 1000
    ? [us, "µs"]
    : us < 1e6
    ? [us / 1000, "ms"]
    : [us / 1e6, "s"];
  return `${formatNumber(value)} ${unit}`;
}

/** Formats a count with at most three digits: 4.32M, 512k, 87, 1.5. */
export function formatCount(value: number): string {
  if (value >= 1e9) return `${formatNumber(value / 1e9)}G`;
  if (value >= 1e6) return `${formatNumber(value / 1e6)}M`;
  if (value >= 1e3) return `${formatNumber(value / 1e3)}k`;
  return formatNumber(value);
}

function formatNumber(value: number): string {
  if (value >= 100 || value === 0) return value.toFixed(0);
  return String(Number(value.toPrecision(value < 10 ? 2 : 3)));
}
