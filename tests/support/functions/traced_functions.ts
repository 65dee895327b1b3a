/** Functions that return the trace of their call. */

import type { FunctionContext } from "../../../functions.ts";

export { echo, fail, spin } from "./functions.ts";
export function traced(_input: Uint8Array, output: Uint8Array, context: FunctionContext): number {
  return write(context.traceparent, output);
}

/** The same after the event loop has turned. */
export async function tracedLater(
  _input: Uint8Array,
  output: Uint8Array,
  context: FunctionContext,
): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve));
  return write(context.traceparent, output);
}

/** The trace at each of two chunks. */
export function* tracedChunks(
  _input: Uint8Array,
  output: Uint8Array,
  context: FunctionContext,
): Generator<number> {
  yield write(context.traceparent, output);
  yield write(context.traceparent, output);
}

/** The trace of an earlier call, of which the context was kept. */
let kept: FunctionContext | undefined;
export function tracedBefore(
  _input: Uint8Array,
  output: Uint8Array,
  context: FunctionContext,
): number {
  const before = kept;
  kept = context;
  return write(before === undefined ? "first" : before.traceparent, output);
}

function write(text: string | undefined, output: Uint8Array): number {
  return new TextEncoder().encodeInto(text ?? "none", output).written;
}
