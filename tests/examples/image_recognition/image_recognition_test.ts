import { assertEquals } from "@std/assert";
import { runExample } from "../../support/functions/run_example.ts";

Deno.test("the image recognition example finds the same objects in each way", async () => {
  const { figures, files } = await runExample("image_recognition", "--size", "1");
  const names = ["1 local thread", "2 local threads", "lease, 2 workers", "HTTP, 2 processes"];
  assertEquals(
    figures.checks,
    [...names, ...names.map((name) => `${name}, model at each call`)]
      .map((name) => ({ name, shown: 1, difference: 0, right: true })),
  );
  assertEquals(
    figures.calls.map(({ us, anew }: { us: number[]; anew: boolean }) => [us.length, anew]),
    names.flatMap(() => [[1, false], [1, true]]),
  );
  assertEquals(files, ["recognized.svg", "speedup.svg"]);
});
