import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { compareRuns, parseRun } from "../../bench/compare.ts";
import { toJson, toRow } from "../../bench/rows.ts";

const machine = { cpu: "a processor", commit: "abc", date: "2026-01-01T00:00Z" };
const run = (floor: number, call: number) => ({
  machine,
  rows: [toRow("hot", "floor", 64, [floor]), toRow("hot", "call", 64, [call])],
});

Deno.test("`compareRuns()` lists the rows that got slower, with their ratios in both runs", () => {
  const text = compareRuns(run(1, 2), { ...run(1, 3), machine: { ...machine, cpu: "other" } });
  assertStringIncludes(text, "this run is of another processor: other\n");
  assertEquals(/hot +64 +call +(.*)/.exec(text)![1]!.split(/ +/), [
    "1.50",
    "2.001",
    "3.000",
    "2.001",
    "3.000",
    "2.00",
    "3.00",
  ]);
  assertStringIncludes(text, "\n1 of 2 rows take 1.1 times as long or longer");
});

Deno.test("`compareRuns()` skips rows that only one run has, and counts them", () => {
  const after = { machine, rows: [...run(1, 2).rows, toRow("cold", "start", 0, [9])] };
  assertEquals(
    compareRuns(run(1, 2), after),
    "compared with abc of 2026-01-01T00:00Z, a processor\n" +
      "0 of 2 rows take 1.1 times as long or longer; 1 have no counterpart in the earlier run",
  );
});

Deno.test("`parseRun()` reads what `toJson()` wrote, and refuses other files", () => {
  assertEquals(parseRun(toJson(machine, run(1, 2).rows)).rows.length, 2);
  for (
    const text of [
      "",
      "{",
      "null",
      "{}",
      `{"machine":{},"rows":[null]}`,
      `{"machine":{},"rows":[{}]}`,
    ]
  ) {
    assertThrows(() => parseRun(text), TypeError, "Cannot compare: the file ");
  }
});
