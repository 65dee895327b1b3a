import { assertAlmostEquals, assertEquals } from "@std/assert";
import { buildWasm } from "../../examples/black_scholes/build_wasm.ts";
import { price } from "../../examples/black_scholes/kernel.ts";

Deno.test("`price()` returns the prices of the textbook", () => {
  // Hull, Options, Futures and Other Derivatives, example 15.6: 4.76 and 0.81.
  const given = new Float64Array([42, 40, 0.5, 0.1, 0.2, 100, 100, 1, 0.05, 0.2]);
  const prices = new Float64Array(4);
  assertEquals(price(new Uint8Array(given.buffer), new Uint8Array(prices.buffer)), 32);
  for (const [i, expected] of [4.7594, 0.8086, 10.4506, 5.5735].entries()) {
    assertAlmostEquals(prices[i]!, expected, 1e-4);
  }
});

Deno.test("kernel.wasm is compiled from kernel.as", async () => {
  const kept = new URL("../../examples/black_scholes/kernel.wasm", import.meta.url);
  assertEquals(await Deno.readFile(kept), await buildWasm());
});
