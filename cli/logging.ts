/** The log of a command: one line a record, on standard error. */

import { configure, getTextFormatter, reset } from "../manager/log.ts";

/** From everything to nearly nothing. */
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
          Deno.stderr.writeSync(encoder.encode(format(record)));
        } catch {
          // whoever read it has gone; that is no reason to end
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
