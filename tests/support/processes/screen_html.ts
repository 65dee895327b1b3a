/** The screen of a terminal as HTML with its colors, for pictures. */
import { escape } from "@std/html";
import type { xterm } from "./xterm.ts";

type Buffer = InstanceType<typeof xterm.Terminal>["buffer"]["active"];
type Cell = NonNullable<ReturnType<NonNullable<ReturnType<Buffer["getLine"]>>["getCell"]>>;

const BACKGROUND = "#16181d";
const FOREGROUND = "#d7dae0";
/** Of the 16 colors of a terminal those that are used. */
const COLORS: Readonly<Record<number, string>> = {
  1: "#f0716b",
  2: "#7cc77f",
  3: "#e3b861",
  6: "#5bb8c9",
};

/** A page with the lines of a screen. */
export function screenHtml(buffer: Buffer, columns: number, rows: number): string {
  const lines = Array.from({ length: rows }, (_, y) => {
    const line = buffer.getLine(buffer.baseY + y);
    const cells = Array.from({ length: columns }, (_, x) => line?.getCell(x));
    return cells.map((cell) => cell === undefined ? " " : cellHtml(cell)).join("");
  });
  return `<!doctype html><meta charset="utf-8"><style>
body { margin: 0 }
pre { margin: 0; padding: 14px; width: fit-content; background: ${BACKGROUND}; color: ${FOREGROUND};
  font: 14px/1.25 "DejaVu Sans Mono", monospace }
</style><pre>${lines.join("\n")}</pre>`;
}

function cellHtml(cell: Cell): string {
  const text = escape(cell.getChars() || " ");
  const color = cell.isFgPalette() ? COLORS[cell.getFgColor()] ?? FOREGROUND : FOREGROUND;
  const style = [
    cell.isInverse() ? `background:${color};color:${BACKGROUND}` : `color:${color}`,
    ...(cell.isBold() ? ["font-weight:bold"] : []),
    ...(cell.isDim() ? ["opacity:.6"] : []),
  ];
  return `<span style="${style.join(";")}">${text}</span>`;
}
