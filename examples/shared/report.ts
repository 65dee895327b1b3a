/** The output of the demo and the examples on standard output. */

import { bold, cyan, dim, green, red } from "@std/fmt/colors";

const isTerminal = Deno.stdout.isTerminal();

function paint(color: (text: string) => string, text: string): string {
  return isTerminal ? color(text) : text;
}

/** Prints the heading of a part. */
export function heading(text: string): void {
  console.log(`\n${paint(bold, text)}`);
}

/** Prints a figure: its name, its value, and what it means. */
export function figure(name: string, value: string, meaning = ""): void {
  console.log(
    `  ${name.padEnd(20)}${paint(cyan, value.padStart(11))}   ${paint(dim, meaning)}`.trimEnd(),
  );
}

/** Prints a check and whether it passed. */
export function seen(ok: boolean, text: string): void {
  console.log(`  ${ok ? paint(green, "ok  ") : paint(red, "FAIL")}  ${text}`);
}

/** Prints plain text below a heading. */
export function note(text: string): void {
  console.log(`  ${text}`);
}

/** Formats microseconds with their significant digits. */
export function us(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} us`;
}
