import { assertEquals } from "@std/assert";
import { compilerNeeded } from "../support/compiler.ts";
import { need, tryRecipe } from "../support/sandboxes.ts";
import { testFabric } from "../support/test_fabric.ts";

const needed = compilerNeeded || need(await tryRecipe("bubblewrap"));

Deno.test({
  name: `the Black-Scholes example: three kernels agree${needed}`,
  ignore: needed !== "",
}, async () => {
  const script = new URL("../../examples/black_scholes/black_scholes.ts", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      script.href,
      ...["--count", "20000", "--workers", "1", "--json", "--fabric", testFabric()],
    ],
    stdin: "null",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { rows, skipped } = JSON.parse(new TextDecoder().decode(stdout));
  const kernels = rows.map(({ kernel }: { kernel: string }) => kernel);
  assertEquals(kernels, ["TypeScript, in this thread", "TypeScript", "WebAssembly", "C"]);
  assertEquals(skipped, []);
});
