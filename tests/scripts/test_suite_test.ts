import { assertEquals } from "@std/assert";
import { Suite } from "../../scripts/test_suite.ts";
import type { TestPlace } from "../../scripts/test_places.ts";

/** A place where the tests of `failing` fail in their first run alone, or in each. */
function place(
  { failing, isSteady }: { failing: readonly string[]; isSteady: boolean },
): { place: TestPlace; runs: (readonly string[])[] } {
  const runs: (readonly string[])[] = [];
  const place: TestPlace = ({ args }) => {
    const fails = (file: string) => failing.includes(file) && (isSteady || runs.length === 0);
    const junit = args.map((file) =>
      `<testcase name="of ${file}" classname="./${file}" time="1">${
        fails(file) ? "<failure>no</failure>" : ""
      }</testcase>`
    );
    const code = args.some(fails) ? 1 : 0;
    runs.push(args);
    return Promise.resolve({ code, junit: junit.join("") });
  };
  return { place, runs };
}

/** Runs tests, and returns the exit status and the lines of the summary that name tests. */
async function summary(place: TestPlace, args: readonly string[]) {
  const lines: string[] = [];
  const { log } = console;
  console.log = (line: string) => void lines.push(...line.split("\n"));
  try {
    const suite = new Suite([]);
    await suite.run("a part", place, { args });
    const status = suite.report();
    return { status, lines: lines.filter((line) => /^(FLAKY|FAILED)|passed, /.test(line)) };
  } finally {
    console.log = log;
  }
}

Deno.test("a test that fails runs once more, and is listed as flaky if it passes then", async () => {
  const { place: once, runs } = place({ failing: ["b"], isSteady: false });
  assertEquals(await summary(once, ["a", "b", "c"]), {
    status: 0,
    lines: ["FLAKY, passed in its second run: of b", "3 passed, 0 failed"],
  });
  assertEquals(runs, [["a", "b", "c"], ["b"]]);
});

Deno.test("a test that fails twice fails the suite", async () => {
  const { place: always } = place({ failing: ["b"], isSteady: true });
  assertEquals(await summary(always, ["a", "b", "c"]), {
    status: 1,
    lines: ["FAILED: of b", "2 passed, 1 failed"],
  });
});

Deno.test("many tests that fail do not run again", async () => {
  const { place: once, runs } = place({ failing: ["a", "b", "c", "d"], isSteady: false });
  const { status, lines } = await summary(once, ["a", "b", "c", "d", "e"]);
  assertEquals([status, lines.length, lines.at(-1)], [1, 5, "1 passed, 4 failed"]);
  assertEquals(runs.length, 1);
});

Deno.test("a file that failed outside of its tests, in a run with another that failed, runs again too", async () => {
  const runs: (readonly string[])[] = [];
  const broken = "tests/broken_test.ts"; // its import fails: the report does not have it
  const place: TestPlace = ({ args }) => {
    runs.push(args);
    const isFirst = runs.length === 1;
    const junit = args.filter((file) => file !== broken).map((file) =>
      `<testcase name="of ${file}" classname="./${file}" time="1">${
        isFirst ? "<failure>no</failure>" : ""
      }</testcase>`
    );
    return Promise.resolve({ code: args.includes(broken) ? 1 : 0, junit: junit.join("") });
  };
  const { status } = await summary(place, ["tests/a_test.ts", broken]);
  assertEquals(runs.at(-1), ["tests/a_test.ts", broken]);
  assertEquals(status, 1);
});

Deno.test("a run that fails outside of its tests twice is not listed as flaky", async () => {
  const place: TestPlace = () => Promise.resolve({ code: 1, junit: "" });
  const { status, lines } = await summary(place, ["a"]);
  assertEquals([status, lines.filter((line) => line.startsWith("FLAKY"))], [1, []]);
});
