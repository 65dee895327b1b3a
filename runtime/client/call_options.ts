/** The options of calls. */

import type { InvokeOptions } from "../call/call_task.ts";
import type { PrepareOptions } from "../call/prepare_options.ts";
import type { StreamOptions } from "../call/stream_task.ts";
import { ANY, BYTES, CALLBACK, DURATION_MS, type OptionTable, SIGNAL } from "../options.ts";
import type { MapOptions } from "./map.ts";

export const STREAM_OPTIONS: OptionTable<StreamOptions> = {
  signal: SIGNAL,
  deadlineMs: DURATION_MS,
  worker: ANY, // the lease has its range
};
export const INVOKE_OPTIONS: OptionTable<InvokeOptions> = { ...STREAM_OPTIONS, output: BYTES };
export const PREPARE_OPTIONS: OptionTable<PrepareOptions> = {
  bytes: ANY, // the lease has the range of both
  resultBytes: ANY,
  worker: ANY,
};
export const MAP_OPTIONS: OptionTable<MapOptions> = {
  concurrency: {
    expected: "an integer of 1 or more, or Infinity,",
    accepts: (value) => value === Infinity || (Number.isInteger(value) && Number(value) >= 1),
    range: true,
  },
  deadlineMs: DURATION_MS,
  signal: SIGNAL,
  onProgress: CALLBACK,
};
