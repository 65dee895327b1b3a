/** A map of a function over many inputs, in any way. */

import type { LoadedFunction } from "./thread_words.ts";
import { callNow, type Way, type WayCall } from "./way.ts";

/** The sizes of a function's argument and result are alike for all inputs. */
export interface Mapped {
  readonly name: string;
  readonly inputs: readonly Uint8Array[];
  readonly resultBytes: number;
}

/**
 * Returns the results in the order of the inputs. A lease maps them; of the other ways each worker takes the next input.
 *
 * @param own the function with which this thread computes as well; only for threads, which it may block.
 */
export async function mapInputs(
  way: Way,
  { name, inputs, resultBytes }: Mapped,
  own: LoadedFunction,
): Promise<Uint8Array[]> {
  if (way.map) return await way.map(name, inputs);
  const results = new Array<Uint8Array>(inputs.length);
  const bytes = Math.max(...inputs.map(({ length }) => length));
  using opening = new DisposableStack();
  const calls = way.workers.map((worker) =>
    opening.use(worker.prepare(name, { bytes, resultBytes }))
  );
  let next = 0;
  if (way.kind === "http") {
    await Promise.all(calls.map(async (call) => {
      for (let i = next++; i < inputs.length; i = next++) {
        results[i] = (await callNow(call, inputs[i]!)).slice();
      }
    }));
    return results;
  }
  while (next < inputs.length) {
    const started: [call: WayCall, input: number][] = [];
    for (const call of calls.slice(0, inputs.length - next)) {
      const input = inputs[next]!;
      call.input.set(input);
      await call.start(input.length);
      started.push([call, next++]);
    }
    if (next < inputs.length) {
      const output = new Uint8Array(resultBytes);
      results[next] = output.subarray(0, await own(inputs[next]!, output));
      next++;
    }
    for (const [call, i] of started) results[i] = call.output.slice(0, await call.finish());
  }
  return results;
}
