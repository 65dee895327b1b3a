import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
// deno-lint-ignore no-import-prefix -- this test alone reads XML
import { DOMParser, onErrorStopParsing } from "npm:@xmldom/xmldom@0.9.12";
import { type LatencyChart, latencyChart } from "../../examples/demo/latency_chart.ts";
import { curve, percentAt, positionOf } from "../../examples/demo/percentile_axis.ts";

/** 1, 2, 3 … in a mixed order, each times `step`. */
function ladder(count: number, step: number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => (i * 7919 % count + 1) * step);
}

/** Draws, and waits for the one animation frame that the library requests and then abandons. */
async function drawn(chart: LatencyChart): Promise<string> {
  const svg = latencyChart(chart);
  await new Promise((resolve) => setTimeout(resolve, 30));
  return svg;
}

/** The texts of a picture. Throws if its XML is not well-formed. */
function textsOf(svg: string): string[] {
  const parser = new DOMParser({ onError: onErrorStopParsing });
  const root = parser.parseFromString(svg, "image/svg+xml").documentElement!;
  assertEquals(root.tagName, "svg");
  return [...root.getElementsByTagName("text")].map((text) => text.textContent ?? "");
}

Deno.test("`latencyChart()` returns a well-formed SVG with the title and the series", async () => {
  const svg = await drawn({
    title: "Calls <of> 64 B & more",
    series: [
      { name: "echo, 64 B", valuesUs: ladder(10_000, 0.001) },
      { name: "floor", valuesUs: ladder(1000, 0.002) },
    ],
  });
  const texts = textsOf(svg);
  for (const name of ["echo, 64 B", "floor", "Calls <of> 64 B & more"]) {
    assert(texts.includes(name), `${name} in ${texts}`);
  }
  assertStringIncludes(texts.join(), "latency (µs");
  assertStringIncludes(texts.join(), "percentile (share of calls, %)");
  for (const tick of ["50", "90", "99", "99.9", "99.99"]) assert(texts.includes(tick), tick);
});

Deno.test("`latencyChart()` marks p50, p99 and p99.9 with their values", async () => {
  const valuesUs = ladder(1000, 0.01);
  const before = valuesUs.slice();
  const svg = await drawn({ title: "Marks", series: [{ name: "echo", valuesUs }] });
  const marks = textsOf(svg).filter((text) => /^p[0-9]/.test(text));
  assertEquals(marks, ["p50  5.00 µs", "p99  9.90 µs", "p99.9  9.99 µs"]);
  assertEquals(valuesUs, before); // the caller's order is left alone
});

Deno.test("`latencyChart()` accepts one value, a time of 0, and a name with markup", async () => {
  const svg = await drawn({
    title: "",
    series: [{ name: `<"&'>`, valuesUs: Float64Array.of(0) }],
  });
  assertEquals(textsOf(svg).some((text) => text === `<"&'>`), true);
  assert(!/NaN|Infinity/.test(svg));
});

Deno.test("`latencyChart()` refuses to draw no values", () => {
  assertThrows(() => latencyChart({ title: "", series: [] }), RangeError, "there are 0 series");
  const series = [{ name: "floor", valuesUs: new Float64Array() }];
  assertThrows(
    () => latencyChart({ title: "", series }),
    RangeError,
    `latency of "floor": there are 0`,
  );
});

Deno.test("`curve()` goes from the smallest value to the greatest and never falls", () => {
  const points = curve(ladder(100_000, 1).sort());
  assertEquals(points[0], [0, 1]);
  assertEquals(points.at(-1), [5, 100_000]);
  assert(points.length < 1000, `${points.length} points`);
  points.forEach(([x, y], i) =>
    assert(i === 0 || (x > points[i - 1]![0] && y >= points[i - 1]![1]))
  );
  const [, median] = points.find(([x]) => x >= positionOf(50))!;
  assert(Math.abs(median - 50_000) < 2000, `${median}`);
});

Deno.test("`percentAt()` is `positionOf()` backwards", () => {
  for (const percent of ["0", "50", "90", "99", "99.9", "99.99", "99.999"]) {
    assertEquals(percentAt(positionOf(Number(percent))), percent);
  }
});
