import { assertEquals } from "@std/assert";
import { measureInTurns } from "../../../examples/shared/way_turns.ts";

/** Measures two works. @returns how often each ran in a turn. */
async function runsOf(budgetMs: number, untilMs: number): Promise<number[]> {
  const runs = [0, 0];
  const works = runs.map((_, i) => ({ run: () => void runs[i]!++ }));
  const signal = new AbortController().signal;
  const ms = await measureInTurns(works, { turns: 5, turnMs: 0, budgetMs, untilMs, signal });
  assertEquals(ms.length, works.length);
  return runs.map((count) => count / 2); // one wakes the workers before each that is timed
}

Deno.test("`measureInTurns()` has three turns at least, and all of them within its budget", async () => {
  assertEquals(await runsOf(0, Infinity), [3, 3]);
  assertEquals(await runsOf(Infinity, Infinity), [5, 5]);
});

Deno.test("`measureInTurns()` has one turn when the time of the program is over", async () => {
  assertEquals(await runsOf(Infinity, 0), [1, 1]);
});
