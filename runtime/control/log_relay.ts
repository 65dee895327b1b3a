/**
 * Log lines on their way from an executor to its client: one batch at a time, the next when the last was taken, so
 * that a reader that is slow or stopped makes lines be dropped and nothing else.
 */

import * as v from "../valibot.ts";
import { LOG_CHARACTERS_PER_SECOND, LOG_LINES_PER_SECOND, MAX_LOG_CHARACTERS } from "../policy.ts";

/** Of one message: in JSON a character may take six bytes, and a message has 64 KiB. */
const BATCH_CHARACTERS = 8 * 1024;
const BATCH_LINES = 128;

/** What travels: lines, and how many were dropped before them. */
export const LogBatch = v.object({
  lines: v.pipe(
    v.array(v.object({
      worker: v.pipe(v.number(), v.integer(), v.minValue(0)),
      text: v.pipe(v.string(), v.maxLength(MAX_LOG_CHARACTERS + 1)),
    })),
    v.maxLength(BATCH_LINES),
  ),
  dropped: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type LogBatch = v.InferOutput<typeof LogBatch>;

export class LogRelay {
  readonly #send: (batch: LogBatch) => Promise<unknown>;
  readonly #lines: LogBatch["lines"] = [];
  #characters = 0;
  #dropped = 0;
  #sending = false;

  /** @param send settles when the batch was taken; what it rejects is dropped. */
  constructor(send: (batch: LogBatch) => Promise<unknown>) {
    this.#send = send;
  }

  push({ lines, dropped }: LogBatch): void {
    this.#dropped += dropped;
    for (const line of lines) {
      const full = this.#lines.length >= LOG_LINES_PER_SECOND || // those of no characters, too, must end
        this.#characters + line.text.length > LOG_CHARACTERS_PER_SECOND;
      if (full) this.#dropped++;
      else {
        this.#characters += line.text.length;
        this.#lines.push(line);
      }
    }
    if (!this.#sending) this.#run();
  }

  async #run(): Promise<void> {
    this.#sending = true;
    while (this.#lines.length > 0 || this.#dropped > 0) {
      const batch = this.#take();
      try {
        await this.#send(batch);
      } catch {
        break; // its reader has gone; the lines with it
      }
    }
    this.#sending = false;
  }

  #take(): LogBatch {
    let characters = 0;
    let count = 0;
    for (const { text } of this.#lines) {
      if (count === BATCH_LINES || (count > 0 && characters + text.length > BATCH_CHARACTERS)) {
        break;
      }
      characters += text.length;
      count++;
    }
    this.#characters -= characters;
    const dropped = this.#dropped;
    this.#dropped = 0;
    return { lines: this.#lines.splice(0, count), dropped };
  }
}
