import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { furnace, temperatures } from "../../../examples/jacobi/furnace.ts";
import { step } from "../../../examples/jacobi/functions.ts";
import { workerBytes } from "../../../examples/jacobi/shared_system.ts";
import { solveDirectly } from "../../../examples/jacobi/solve.ts";
import { largestDifference } from "../../../examples/shared/differences.ts";
import { runExample } from "../../support/functions/run_example.ts";

Deno.test("the Jacobi example finds the direct solution in each way", async () => {
  const { figures, files } = await runExample("jacobi", "--size", "3");
  assertEquals(
    figures.figures.map(({ name }: { name: string }) => name),
    ["1 local thread", "2 local threads", "lease, 1 worker", "HTTP, 1 process"],
  );
  for (const { differenceFromDirect, differenceFromLocal, iterations } of figures.figures) {
    assertAlmostEquals(differenceFromDirect, 0, 1e-10);
    assertEquals(differenceFromLocal, 0);
    assertEquals(iterations, figures.figures[0].iterations);
  }
  assertEquals(files, ["furnace.svg", "speedup.svg"]);
});

Deno.test("`workerBytes()` grows with the rows that a worker keeps", () => {
  const n = 6 * 40 * 40; // the largest size
  const rowBytes = 8 * (n + 1);
  assertEquals(workerBytes(n, n / 2) > 2 * rowBytes * n / 2, true);
  assertEquals(workerBytes(n, n / 2) - workerBytes(n, 0) >= rowBytes * n / 2, true);
  assertEquals(workerBytes(n, 0) >= 32 << 20, true); // a process without rows
});

Deno.test("`furnace()` returns a system in which insulated walls lie between cold and hot", () => {
  const system = furnace(4);
  for (let i = 0; i < system.n; i++) {
    const row = system.rows.subarray(i * (system.n + 1) + 1, (i + 1) * (system.n + 1));
    const sum = row.reduce((all, value) => all + value, 0);
    const known = system.rows[i * (system.n + 1)]! > 0;
    assertEquals(known ? sum < 1 : Math.abs(sum - 1) < 1e-12, true);
  }
  const kelvin = temperatures(system, solveDirectly(system));
  assertEquals(kelvin.every((value) => value >= 300 && value <= 1300), true);
});

Deno.test("`solveDirectly()` solves a system of two unknowns", () => {
  // x = 1 + y / 2, y = 2 + x / 4
  const rows = Float64Array.of(1, 0, 0.5, 2, 0.25, 0);
  const solution = solveDirectly({ side: 0, n: 2, rows });
  assertEquals(largestDifference(solution, Float64Array.of(16 / 7, 18 / 7)) < 1e-15, true);
});

Deno.test("`step()` refuses an x that does not fit the rows of its worker", () => {
  const refused = "x has 2 values, this worker has rows of 0";
  assertThrows(() => step(new Uint8Array(16), new Uint8Array(16)), TypeError, refused);
});
