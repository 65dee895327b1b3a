/** Shows progress on standard error: one changing line on a terminal, otherwise one line per suite. */
export class ProgressLine {
  readonly #terminal = Deno.stderr.isTerminal();
  #suite = "";

  show(text: string): void {
    const suite = /^\w+/.exec(text)?.[0] ?? "";
    if (this.#terminal) this.#write(`\r\x1b[K${text}`);
    else if (suite !== this.#suite) this.#write(`${suite} …\n`);
    this.#suite = suite;
  }

  /** Prints a line that stays. */
  note(text: string): void {
    this.clear();
    this.#write(`${text}\n`);
  }

  clear(): void {
    if (this.#terminal) this.#write("\r\x1b[K");
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  }
}
