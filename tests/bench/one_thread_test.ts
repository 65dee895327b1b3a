import { assertEquals } from "@std/assert";
import { openOneThread } from "../../bench/floors/one_thread.ts";

Deno.test("`openOneThread()` serves calls of prepared slots, each with its own argument", async () => {
  await using ends = await openOneThread({
    depth: 2,
    maxBytes: 64,
    functions: {
      double: (input, output) => (output[0] = 2 * input[0]!, 1),
    },
  });
  const calls = [ends.prepare("double", 64), ends.prepare("double", 64)];
  calls.forEach((call, i) => call.input[0] = i + 1);
  for (let round = 0; round < 100; round++) { // more than the receives that are posted at a time
    for (const call of calls) call.start(1);
    assertEquals([calls[0]!.done(), calls[1]!.done()], [false, false], "before they are served");
    assertEquals([ends.server.serveNext(), ends.server.serveNext()], [true, true]);
    assertEquals(ends.server.serveNext(), false);
    assertEquals(calls.map((call) => call.finish()), [1, 1]);
    assertEquals(calls.map((call) => call.output[0]), [2, 4]);
  }
  for (const call of calls) call.close();
});
