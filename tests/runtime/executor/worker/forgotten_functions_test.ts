/** The functions that run on after their calls were given up, and the words of the oldest. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  FORGOTTEN,
  FORGOTTEN_LIMIT,
  FORGOTTEN_MS,
  watchWords,
} from "../../../../runtime/executor/watch_words.ts";
import {
  ForgottenFunctions,
  FunctionRun,
} from "../../../../runtime/executor/worker/forgotten_functions.ts";
import { MAX_FORGOTTEN } from "../../../../runtime/policy.ts";

Deno.test("`FORGOTTEN` names the oldest function, in whatever order they settle", () => {
  fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 40 }), (choices) => {
    const words = new Int32Array(watchWords(1));
    const forgotten = new ForgottenFunctions(words);
    const runs: FunctionRun[] = [];
    let limit = 0;
    let oldest: FunctionRun | undefined;
    for (const choice of choices) {
      const number = words[FORGOTTEN];
      if (choice % 2 === 0 || runs.length === 0) {
        const run = new FunctionRun();
        assert(forgotten.add(run, ++limit, performance.now() - 1000));
        runs.push(run);
      } else {
        forgotten.remove(runs.splice(choice % runs.length, 1)[0]!);
      }
      assertEquals(words[FORGOTTEN] === number, runs[0] === oldest);
      oldest = runs[0];
      if (!oldest) {
        assertEquals(words[FORGOTTEN], 0);
      } else {
        assertEquals(words[FORGOTTEN_LIMIT], oldest.limit);
        assert(words[FORGOTTEN] !== 0);
      }
    }
  }));
});

Deno.test("the next function in `FORGOTTEN_MS` is as old as its call", () => {
  const words = new Int32Array(watchWords(1));
  const forgotten = new ForgottenFunctions(words);
  const [first, second] = [new FunctionRun(), new FunctionRun()];
  const atMs = performance.now();
  forgotten.add(first, 1, atMs - 900);
  assertEquals(words[FORGOTTEN_MS], 0);
  forgotten.add(second, 1, atMs - 800);
  forgotten.remove(first);
  assert(words[FORGOTTEN_MS]! >= 799, `${words[FORGOTTEN_MS]} ms`);
});

Deno.test("`add()` refuses one function more than `MAX_FORGOTTEN`, until another settles", () => {
  const forgotten = new ForgottenFunctions(new Int32Array(watchWords(1)));
  const first = new FunctionRun();
  assert(forgotten.add(first, 1, 0));
  for (let i = 1; i < MAX_FORGOTTEN; i++) assert(forgotten.add(new FunctionRun(), 1, 0));
  const last = new FunctionRun();
  assert(!forgotten.add(last, 1, 0));
  forgotten.remove(first);
  assert(forgotten.add(last, 1, 0));
});
