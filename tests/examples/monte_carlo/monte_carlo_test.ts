import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  CONTRACTS,
  estimatesOf,
  exactPrice,
  INPUTS_PER_CONTRACT,
  inputsOf,
} from "../../../examples/monte_carlo/contracts.ts";
import { simulate } from "../../../examples/monte_carlo/functions.ts";
import { runExample } from "../../support/functions/run_example.ts";

Deno.test("the Monte Carlo example finds the same prices in each way", async () => {
  const { figures, files } = await runExample("monte_carlo", "--size", "50");
  assertEquals(
    figures.checks.map(({ name }: { name: string }) => name),
    ["1 local thread", "2 local threads", "lease, 2 workers", "HTTP, 2 processes"],
  );
  for (const { same, inputs, right } of figures.checks) {
    assertEquals([same, inputs, right], [128, 128, true]);
  }
  assertEquals(files, ["speedup.svg"]);
});

Deno.test("`exactPrice()` agrees with the formula of a share without spread", () => {
  // Almost no volatility: the mean of the prices is that of their growth.
  const contract = { spot: 100, strike: 90, years: 1, rate: 0.03, volatility: 1e-6 };
  const mean = 100 * Math.exp(0.03 * 17 / 32);
  assertAlmostEquals(exactPrice(contract), (mean - 90) * Math.exp(-0.03), 1e-6);
});

Deno.test("`simulate()` finds prices within 4 standard errors of the formula", () => {
  const results = inputsOf(500).map((input) => {
    const output = new Uint8Array(16);
    assertEquals(simulate(input, output), 16);
    return output;
  });
  assertEquals(results.length, CONTRACTS.length * INPUTS_PER_CONTRACT);
  for (const [i, { price, error }] of estimatesOf(500, results).entries()) {
    assertAlmostEquals(price, exactPrice(CONTRACTS[i]!), 4 * error);
    assertEquals(error > 0 && error < price / 20, true);
  }
});
