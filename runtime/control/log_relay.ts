/**
 * Log lines on their way from an executor to its client: one batch at a time, each after the last was processed. So a
 * slow or stopped reader costs dropped lines and nothing else.
 */

import * as v from "../valibot.ts";
import { naturalSchema } from "../protocol/field_schemas.ts";
import { LOG_CHARACTERS_PER_SECOND, LOG_LINES_PER_SECOND, MAX_LOG_CHARACTERS } from "../policy.ts";

/** Limits of one message: in JSON a character may take six bytes, and a message has 64 KiB. */
const BATCH_CHARACTERS = 8 * 1024;
const BATCH_LINES = 128;

const LOG_LEVELS = ["debug", "info", "warn", "error"] as const satisfies readonly LogLevel[];

/** A message with lines, and how many were dropped before them. */
export const logBatchSchema = v.object({
  lines: v.pipe(
    v.array(v.object({
      worker: naturalSchema,
      level: v.picklist(LOG_LEVELS),
      text: v.pipe(v.string(), v.maxLength(MAX_LOG_CHARACTERS + 1)),
    })),
    v.maxLength(BATCH_LINES),
  ),
  dropped: naturalSchema,
});
export type LogBatch = v.InferOutput<typeof logBatchSchema>;

/** The level of a line: the method of the console that printed it, or `info` for the log of a context. */
export type LogLevel = "debug" | "info" | "warn" | "error";

export class LogRelay {
  readonly #send: (batch: LogBatch) => Promise<unknown>;
  readonly #lines: LogBatch["lines"] = [];
  #characters = 0;
  #dropped = 0;
  #sending = false;

  /** @param send settles when the batch was processed; if it rejects, the batch is dropped. */
  constructor(send: (batch: LogBatch) => Promise<unknown>) {
    this.#send = send;
  }

  push({ lines, dropped }: LogBatch): void {
    this.#dropped += dropped;
    for (const line of lines) {
      const full = this.#lines.length >= LOG_LINES_PER_SECOND || // empty lines need a bound as well
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
        break; // its reader has gone, and the lines are dropped
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
