/** What the demo says while it runs, on standard output. */

const isTerminal = Deno.stdout.isTerminal() && !Deno.noColor;

function paint(code: number, text: string): string {
  return isTerminal ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** The head of a part. */
export function heading(text: string): void {
  console.log(`\n${paint(1, text)}`);
}

/** A finding: what, its value, and one line on what it means. */
export function figure(name: string, value: string, meaning = ""): void {
  console.log(
    `  ${name.padEnd(20)}${paint(36, value.padStart(11))}   ${paint(2, meaning)}`.trimEnd(),
  );
}

/** Something that was to be shown, and whether it was seen. */
export function seen(ok: boolean, text: string): void {
  console.log(`  ${ok ? paint(32, "ok  ") : paint(31, "FAIL")}  ${text}`);
}

/** Plain text below a heading. */
export function note(text: string): void {
  console.log(`  ${text}`);
}

/** Microseconds, with as many digits as mean something. */
export function us(value: number): string {
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0)} us`;
}
