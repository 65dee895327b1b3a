import { assertEquals } from "@std/assert";
import * as functions from "../../../examples/matrix_product/functions.ts";
import { problemOf } from "../../../examples/matrix_product/matrix_product.ts";
import { TILE } from "../../../examples/matrix_product/multiply.ts";
import { functionsOf, type PlainFunction } from "../../../examples/shared/thread_words.ts";
import type { Way } from "../../../examples/shared/way.ts";

const N = 16;
const OWN = functionsOf({ keep: functions.keep, multiply: functions.multiply });

/** A way whose workers, as many as `count`, have the rows of A but leave their rows of C as they are. */
function idleWay(count: number): Way {
  const call = {
    input: new Uint8Array(8 * (2 + 2 * N * N)),
    output: new Uint8Array(),
    start() {},
    finish: () => 0,
    [Symbol.dispose]() {},
  };
  return {
    name: "idle",
    kind: "thread",
    workers: Array.from({ length: count }, () => ({ prepare: () => call })),
    async [Symbol.asyncDispose]() {},
  };
}

/** Runs a way twice, and returns the difference after each run. */
async function differences(
  own: ReadonlyMap<string, PlainFunction>,
  way: Way,
  between: () => unknown = () => {},
): Promise<number[]> {
  using opening = new DisposableStack();
  const [entry] = await problemOf(N).share(N, way, own, opening);
  await entry!.run();
  const first = entry!.difference();
  await between();
  await entry!.run();
  return [first, entry!.difference()];
}

Deno.test("a product that this thread computes is right in each run", async () => {
  assertEquals(await differences(OWN, idleWay(0)), [0, 0]);
});

Deno.test("a product is right after another way has shared its rows, whichever runs first", async () => {
  using opening = new DisposableStack();
  const problem = problemOf(N);
  const [alone] = await problem.share(N, idleWay(0), OWN, opening);
  const [shared] = await problem.share(N, idleWay(1), OWN, opening);
  for (let turn = 0; turn < 2; turn++) {
    await shared!.run();
    await alone!.run();
    assertEquals(alone!.difference(), 0);
  }
});

Deno.test("a row that a worker does not write is found", async () => {
  assertEquals(await differences(OWN, idleWay(1)), [Infinity, Infinity]);
});

Deno.test("a kernel that stops writing some rows is found, although it was right before", async () => {
  let isWrong = false;
  const lazy: PlainFunction = (input, output) =>
    functions.multiply(input, isWrong ? output.slice() : output);
  const own = functionsOf({ keep: functions.keep, multiply: lazy });
  assertEquals(await differences(own, idleWay(0), () => isWrong = true), [0, Infinity]);
});

Deno.test("a kernel with one wrong element is found", async () => {
  const wrong: PlainFunction = (input, output) => {
    const length = functions.multiply(input, output);
    new Float64Array(output.buffer, output.byteOffset, length / 8)[TILE]! += 1;
    return length;
  };
  const own = functionsOf({ keep: functions.keep, multiply: wrong });
  assertEquals(await differences(own, idleWay(0)), [1, 1]);
});
