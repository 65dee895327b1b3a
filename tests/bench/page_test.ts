import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Machine } from "../../bench/machine.ts";
import { CHARTS } from "../../bench/page/charts.ts";
import { formatCount, formatUs } from "../../bench/page/look.ts";
import { LIGHT } from "../../bench/page/look.ts";
import { benchPage } from "../../bench/page/page.ts";
import { writePictures } from "../../bench/page/pictures.ts";
import { toRow } from "../../bench/rows.ts";
import { sizeText } from "../../cli/quantity_text.ts";
import { init } from "../../examples/shared/echarts.ts";

const MACHINE: Machine = {
  cpu: "a <processor>",
  cores: 2,
  kernel: "6.1",
  deno: "2.9.6",
  v8: "15.0",
  commit: "abc1234",
  date: "2026-01-01T00:00Z",
  load: 0,
};

/** One row or more for each chart. */
const ROWS = [
  toRow("hot", "rfaas invokeSync", 64, [0.3, 0.4]),
  toRow("hot", "rfaas invokeSync", 4096, [0.5, 0.6]),
  toRow("hot", "ping-pong in TypeScript", 64, [0.2, 0.2]),
  toRow("hot", "Deno.serve + fetch", 64, [50, 60]),
  toRow("hot", "</script><script>alert(1)</script><!--", 64, [1, 2]),
  toRow("overhead", "echo: client, start", 64, [0.03]),
  toRow("overhead", "echo: worker", 64, [0.1]),
  toRow("overhead", "echo: client, finish", 64, [0.04]),
  toRow("throughput", "prepared, 1 in flight, 1 worker", 64, [0.4]),
  toRow("throughput", "prepared, 16 in flight, 1 worker", 64, [0.3]),
  toRow("throughput", "invoke, 1 in flight, 2 workers", 64, [2]),
  toRow("throughput", "work of 5 us, prepared, 16 in flight, 2 workers", 64, [4]),
  toRow("bandwidth", "memcpy", 65_536, [1.5]),
  toRow("bandwidth", "rfaas invoke", 65_536, [9]),
  toRow("tail", "rfaas invokeSync, a core each", 64, [0.4, 9]),
  toRow("warm", "rfaas, the worker sleeps", 64, [90]),
  toRow("cold", "lease to first result, pooled", 64, [9000, 20_000]),
  toRow("timer", "lateness", 64, [90]),
  toRow("verbs", "ib_write_lat", 64, [25]),
  toRow("control", "grant, 10 nodes", 0, [900]),
  toRow("failover", "SIGTERM of the leader", 0, [90_000]),
  toRow("soak", "part 1 of 2", 64, [2]),
  toRow("paper round trips", "rfaas hot", 1024, [0.5]),
  toRow("paper round trips", "rfaas warm", 1024, [60]),
  toRow("paper round trips", "rfaas hot", 5 * 2 ** 20, [500]),
  toRow("paper round trips", "TCP", 5 * 2 ** 20, [5000]),
  toRow("paper cold starts", "no sandbox, cold: boot", 0, [80_000]),
  toRow("paper cold starts", "no sandbox, cold: all", 0, [100_000]),
  toRow("paper parallel calls", "1 ms of computing, 1 worker", 64, [1000]),
  toRow("paper parallel calls", "1 ms of computing, 2 workers", 64, [1100]),
  toRow("paper thumbnails", "rfaas", 0, [90_000, 95_000]),
  toRow("paper recognition", "rfaas", 0, [150_000, 170_000]),
  toRow("paper recognition", "rfaas, model at each call", 0, [210_000, 250_000]),
  toRow("paper bursty load", "a lease for each burst: held", 0, [1e6]),
  toRow("paper bursty load", "a lease for each burst: computing", 0, [8e5]),
  ...["Black-Scholes", "matrix product", "Jacobi"].flatMap((problem) => [
    toRow("paper speed-ups", `${problem} in TypeScript, 1000 options: 1 local thread`, 0, [100]),
    toRow("paper speed-ups", `${problem} in TypeScript, 1000 options: 2 local threads`, 0, [55]),
    toRow("paper speed-ups", `${problem} in TypeScript, 1000 options: lease, 1 worker`, 0, [50]),
  ]),
];

const isOfPaper = ({ suite }: { suite: string }) => suite.startsWith("paper");

Deno.test("`benchPage()` returns a page that loads nothing", async () => {
  const page = await benchPage(MACHINE, ROWS);
  // Texts of the library have URLs of XML namespaces and of its home, which are not loaded.
  const tags = page.replaceAll(/<script[^>]*>[\s\S]*?<\/script>/g, (script) => {
    return /^<script[^>]*>/.exec(script)![0];
  });
  for (const loads of [/\bsrc=/, /\bhref=/, /url\(/, /@import/, /<link\b/, /https?:/]) {
    assert(!loads.test(tags), `the page has ${loads}`);
  }
  assert(
    !/\bfetch\(|XMLHttpRequest|\bimport\(|from *"http/.test(page),
    "its script loads something",
  );
  assertStringIncludes(page, "default-src 'none'"); // so the browser refuses to load anything
  for (const { id } of CHARTS) assertStringIncludes(page, `id="${id}"`);
  assertStringIncludes(page, "a &lt;processor&gt;");
});

Deno.test("`benchPage()` escapes rows, so that they cannot end its script", async () => {
  const page = await benchPage(MACHINE, ROWS);
  assertEquals(page.match(/<script/g)!.length, page.match(/<\/script>/g)!.length);
  const json = /<script type="application\/json" id="rows">([\s\S]*?)<\/script>/.exec(page)![1]!;
  assertEquals(JSON.parse(json).length, ROWS.length);
  assert(!page.includes("<script>alert"), "a path became a script");
});

Deno.test("`benchPage()` leaves out charts without rows", async () => {
  const page = await benchPage(MACHINE, ROWS.filter(({ suite }) => suite === "overhead"));
  const shown = CHARTS.filter(({ id }) => page.includes(`<div class="chart" id="${id}"`));
  assertEquals(shown.map(({ id }) => id), ["overhead"]);
});

Deno.test("`benchPage()` names what this host could not measure, and what a chart shows", async () => {
  const page = await benchPage(MACHINE, ROWS, ["NATS (<nats-server> is not installed)"]);
  assertStringIncludes(page, "<p>Not measured: NATS (&lt;nats-server&gt; is not installed)</p>");
  assertStringIncludes(page, "With 1 KiB each way, a hot call took 500 ns and a warm one 60 µs.");
  assertStringIncludes(page, "hot calls moved 10 GB/s");
  assertStringIncludes(page, "IPDPS 2023 (arXiv 2106.13859)");
  assert(!(await benchPage(MACHINE, ROWS)).includes("Not measured"));
});

Deno.test("`writePictures()` writes each chart that has rows, with its host and its source", async () => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    await writePictures(folder, { ...MACHINE, load: 7 }, ROWS.filter(isOfPaper));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(names, CHARTS.filter(isOfPaper).map(({ id }) => `${id}.svg`).sort());
    const svg = await Deno.readTextFile(`${folder}/paper-round-trips.svg`);
    for (
      const text of ["Round trips over the size", "a &lt;processor&gt;", "load average 7.0"]
    ) assertStringIncludes(svg, text);
    assertStringIncludes(svg, "rFaaS hot 5.3 µs"); // a published value
    assert(!/NaN|undefined/.test(svg));
  } finally {
    await abandonedFrame();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("every chart draws its rows, on a wide and on a narrow page", async () => {
  for (const { id, option } of CHARTS) {
    for (const width of [1200, 360]) {
      const chart = init(null, null, { renderer: "svg", ssr: true, width, height: 400 });
      chart.setOption(option(ROWS, { ...LIGHT, width, narrow: width < 480 }));
      const svg = chart.renderToSVGString();
      chart.dispose();
      assert(svg.includes(LIGHT.own[0]!) || svg.includes(LIGHT.own[1]!) || id === "verbs", id);
      assert(!/NaN|undefined/.test(svg), `${id} has a value that is none`);
    }
  }
  await abandonedFrame();
});

Deno.test("`formatUs()`, `formatCount()` and `sizeText()` use the usual units", () => {
  assertEquals(
    [0.21, 0.0351, 4.512, 999, 38_000, 2_500_000].map(formatUs),
    ["210 ns", "35.1 ns", "4.5 µs", "999 µs", "38 ms", "2.5 s"],
  );
  assertEquals([4_321_000, 512_300, 87, 0].map(formatCount), ["4.3M", "512k", "87", "0"]);
  assertEquals([64, 4096, 16 * 2 ** 20].map(sizeText), ["64 B", "4 KiB", "16 MiB"]);
});

/** Waits for the animation frame that the library of charts requests and then abandons. */
async function abandonedFrame(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 30));
}
