/** The paper's figures that run other programs: they measure what they claim, and leave nothing behind. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { measureBurstyLoad } from "../../bench/paper/bursty_load.ts";
import { measureRecognition } from "../../bench/paper/recognition.ts";
import { readPartPath, readSpeedupPath } from "../../bench/paper/row_paths.ts";
import { EXAMPLES, measureExample } from "../../bench/paper/speedups.ts";
import { partsOf } from "../../bench/page/paper_bars.ts";
import { Bench } from "../../bench/suites/suite.ts";
import { descendants } from "../support/processes/process_table.ts";
import { until } from "../support/waiting.ts";

function openBench(signal = new AbortController().signal): Bench {
  return new Bench({
    cycles: () => performance.now() * 1000,
    quick: true,
    seconds: undefined,
    signal,
    onProgress: () => {},
    onNote: () => {},
  });
}

const JACOBI = EXAMPLES.find(({ name }) => name === "jacobi")!;

Deno.test("`measureBurstyLoad()` has the bills of both ways, which computed the same work", async () => {
  const bench = openBench();
  await measureBurstyLoad(bench);
  const groups = partsOf(bench.rows);
  assertEquals([...groups.keys()], ["reserved for the whole time", "a lease for each burst"]);
  for (const [way, parts] of groups) {
    const [held, computing] = [parts.get("held")!, parts.get("computing")!];
    assert(computing > 0 && computing <= held, `${way}: computed ${computing} of ${held} us`);
    assert(parts.get("a burst")! > 0, way);
  }
  const bursts = bench.rows.filter(({ path }) => readPartPath(path).part === "a burst");
  assertEquals(bursts.map(({ n }) => n), [2, 2]);
  const [reserved, leased] = [...groups.values()].map((parts) => parts.get("computing")!);
  const ratio = reserved! / leased!;
  assert(ratio > 1 / 3 && ratio < 3, `one way computed ${ratio} times as long as the other`);
});

Deno.test("`measureRecognition()` has the calls of each way, with and without the model loaded anew", async () => {
  const bench = openBench();
  await measureRecognition(bench);
  assertEquals(
    bench.rows.map(({ path }) => path),
    ["this thread", "rfaas", "HTTP"].flatMap((way) => [way, `${way}, model at each call`]),
  );
  assert(bench.rows.every(({ p50_us }) => p50_us > 1000)); // a call takes longer than a millisecond
});

Deno.test("`measureExample()` adds a row for each size and way of an example", async () => {
  const bench = openBench();
  await measureExample(bench, JACOBI);
  const paths = bench.rows.map(({ path }) => readSpeedupPath(path));
  const ways = ["1 local thread", "2 local threads", "lease, 1 worker"];
  const sizes = [...new Set(paths.map(({ size }) => size))];
  assert(sizes.length > 1);
  assertEquals(
    paths.map(({ language, size, way }) => [language, size, way]),
    sizes.flatMap((size) => ways.map((way) => ["TypeScript", size, way])),
  );
});

Deno.test("`measureExample()` ends the example when the run is interrupted", async () => {
  const controller = new AbortController();
  const before = descendants(Deno.pid);
  const started = () => descendants(Deno.pid).filter((pid) => !before.includes(pid));
  const measuring = measureExample(openBench(controller.signal), JACOBI);
  await Promise.race([
    measuring,
    until(() => started().length >= 3, () => `the example and its managers: ${started()}`, 30_000),
  ]);
  controller.abort(new Error("Interrupted by the test"));
  await assertRejects(() => measuring, Error, "Interrupted by the test");
  await until(() => started().length === 0, () => `the end of ${started()}`, 15_000);
});

Deno.test("`measureExample()` fails with the last lines of an example that fails", async () => {
  const broken = { ...JACOBI, quickSize: 1 };
  await assertRejects(
    () => measureExample(openBench(), broken),
    Error,
    "Cannot run jacobi: it ended with 2",
  );
});
