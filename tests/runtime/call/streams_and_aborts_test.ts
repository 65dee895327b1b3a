/** What a client writes besides calls: the request for a chunk, the end of a stream, an abort. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { packageOf } from "../../support/functions/functions_package.ts";
import { until } from "../../support/waiting.ts";
import { sharedLease, test } from "../../support/cluster/shared_cluster.ts";

const functions = packageOf(`
  let ended = 0, aborted = 0;
  export const state = (_, output) => { output[0] = ended; output[1] = aborted; return 2; };
  export function* count(input, output) {
    try {
      for (let i = 0; i < input[0]; i++) { output.fill(i, 0, 2000); yield 2000; }
    } finally { ended++; }
  }
  export async function untilAborted(_, output, context) {
    await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
    aborted++;
    return 0;
  }
`);

test("streams and aborted calls send what the worker has to receive besides calls", async () => {
  await using lease = await sharedLease({ functions, maxBytes: 4096 });
  const state = () => lease.invoke("state", new Uint8Array());
  const chunks: Uint8Array[] = [];
  for await (const chunk of lease.stream("count", Uint8Array.of(5))) chunks.push(chunk);
  assertEquals(chunks.map(({ length }) => length), [2000, 2000, 2000, 2000, 2000]);
  chunks.forEach((chunk, i) => assert(chunk.every((byte) => byte === i), `chunk ${i}`));
  for await (const _ of lease.stream("count", Uint8Array.of(200))) break;
  await until(
    async () => (await state())[0] === 2,
    () => "the generator of the broken loop has ended",
    5000,
  );
  const abort = new AbortController();
  const call = lease.invoke("untilAborted", new Uint8Array(), { signal: abort.signal });
  await state(); // it has begun: a worker takes calls in order
  abort.abort(new Error("no more"));
  await assertRejects(() => call, Error, "no more");
  await until(async () => (await state())[1] === 1, () => "the function was aborted", 5000);
});
