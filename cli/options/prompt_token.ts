/** Reads a token at the terminal, without showing it. */

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const DELETE = 0x7f;
/** To the begin of the line, and clear it. */
const CLEAR_LINE = "\r\x1b[K";

/**
 * Prompts for a token. The terminal gets its own mode back however the prompt ends: Ctrl-C is a key here and no signal,
 * which would end this process with a terminal that shows nothing.
 *
 * @returns The text, which may be empty.
 * @throws {Error} When Ctrl-C is typed.
 */
export function promptToken(): string {
  const typed: number[] = [];
  const show = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(text));
  const key = new Uint8Array(1);
  Deno.stdin.setRaw(true);
  try {
    for (;;) {
      show(`${CLEAR_LINE}Token: ${"*".repeat(typed.length)}`);
      const [code = CTRL_D] = Deno.stdin.readSync(key) === null ? [] : key;
      if (code === CTRL_C) throw new Error("Cannot authenticate: interrupted at the prompt");
      if (code === RETURN || code === LINE_FEED || code === CTRL_D) break;
      if (code === BACKSPACE || code === DELETE) typed.pop();
      else typed.push(code);
    }
  } finally {
    Deno.stdin.setRaw(false);
    show(CLEAR_LINE);
  }
  return new TextDecoder().decode(Uint8Array.from(typed));
}
