import { assertEquals } from "@std/assert";
import { countsUpTo } from "../../../examples/thumbnails/options.ts";
import { runExample } from "../../support/functions/run_example.ts";

Deno.test("the thumbnails example makes the same bytes in each way", async () => {
  const { figures, files } = await runExample("thumbnails", "--size", "2");
  assertEquals(figures.checks, [
    { name: "1 local thread", same: 2 },
    { name: "2 local threads", same: 2 },
    { name: "lease, 2 workers", same: 2 },
    { name: "HTTP, 2 processes", same: 2 },
  ]);
  assertEquals(figures.rows.map(({ size }: { size: number }) => size), [1, 2]);
  assertEquals(files, ["contact-sheet.jpg", "speedup.svg"]);
});

Deno.test("`countsUpTo()` ends with the size, and has no number twice", () => {
  assertEquals([14, 2, 1].map(countsUpTo), [[7, 14], [1, 2], [1]]);
});
