/** The log of a command: one line a record, on standard error. */

import { configure, getTextFormatter, reset } from "../manager/log.ts";
import { visibleText } from "./visible_text.ts";

/** From the most to the fewest records. */
export const LOG_LEVELS = ["debug", "info", "warning", "error", "fatal"] as const;

/** Sends the log to standard error until the returned object is disposed of. */
export async function logToStderr(
  lowestLevel: typeof LOG_LEVELS[number],
): Promise<AsyncDisposable> {
  const format = getTextFormatter({ timestamp: "time" });
  const encoder = new TextEncoder();
  await configure({
    reset: true,
    sinks: {
      stderr: (record) => {
        try {
          Deno.stderr.writeSync(encoder.encode(`${visibleText(format(record).trimEnd())}\n`));
        } catch {
          // The reader of the pipe has ended, which is no reason for the command to end.
        }
      },
    },
    loggers: [
      { category: ["rfaas"], sinks: ["stderr"], lowestLevel },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
  return { [Symbol.asyncDispose]: () => reset() };
}
