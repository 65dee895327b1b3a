/** The examples that compare one kernel in three languages. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { leftMatrix, productDifference } from "../../examples/matrix_product/matrices.ts";
import { compilerNeeded } from "../support/functions/compiler.ts";
import { runExample } from "../support/functions/run_example.ts";
import { need, tryRecipe } from "../support/sandboxes.ts";

/** Why this host cannot run the kernel in C; empty if it can. */
const withoutC = compilerNeeded || need(await tryRecipe("bubblewrap"));

/** What each kernel is compared in. */
const OWN = ["1 local thread", "2 local threads", "lease, 1 worker", "HTTP, 1 process"];
const NATIVE = ["lease, 1 worker", "lease, 2 workers"];
const both = (names: string[]) =>
  names.flatMap((name) => name.startsWith("lease") ? [name, `${name}, both travel`] : [name]);

const EXAMPLES = {
  // The last round has fewer than two chunks.
  black_scholes: { size: "33000", tolerance: 1e-10, own: OWN, native: NATIVE },
  matrix_product: { size: "100", tolerance: 0, own: both(OWN), native: both(NATIVE) },
};

for (const [name, { size, tolerance, own, native }] of Object.entries(EXAMPLES)) {
  Deno.test(`the example ${name}: its kernels agree in each way, and a missing one is named`, async () => {
    const { figures, files } = await runExample(name, "--size", size);
    const found = figures.kernels.map((
      { kernel, contestants }: { kernel: string; contestants: { name: string }[] },
    ) => [kernel, contestants.map((contestant) => contestant.name)]);
    const inC = withoutC === "";
    const kernels = [["TypeScript", own], ["WebAssembly", own], ...inC ? [["C", native]] : []];
    assertEquals(found, kernels);
    for (const { difference } of figures.kernels) assertAlmostEquals(difference, 0, tolerance);
    assertEquals(files, [...inC ? ["c.svg"] : [], "typescript.svg", "webassembly.svg"]);
    const skipped = figures.skipped.map((reason: string) => reason.slice(0, 3));
    assertEquals(skipped, inC ? [] : ["C: "]);
  });
}

Deno.test("the kernel in C is left out without the lease way, and the reason is named", async () => {
  const { figures, files } = await runExample("matrix_product", "--local", "--size", "30");
  assertEquals(figures.skipped, [
    "C: only leased workers run a library, and --lease is not chosen",
  ]);
  assertEquals([figures.size, figures.kernels.length], [32, 2]);
  for (const { difference } of figures.kernels) assertEquals(difference, 0);
  assertEquals(files, ["typescript.svg", "webassembly.svg"]);
});

Deno.test("`productDifference()` finds one wrong element", () => {
  const right = Float64Array.from({ length: 4 }, (_, at) => 2 * (1 + (at >> 1)) * (2 + at % 2));
  assertEquals(productDifference(2, right), 0);
  right[3]! += 1;
  assertEquals(productDifference(2, right), 1);
  right[1] = NaN;
  assertEquals(productDifference(2, right), Infinity);
  assertEquals([...leftMatrix(2)], [1, 1, 2, 2]);
});
