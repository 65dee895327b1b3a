/** Runs an example as its users do. */

import { assertEquals } from "@std/assert";
import { testFabric } from "../cluster/test_fabric.ts";

/** What an example printed and wrote. */
export interface ExampleRun {
  /** Its last line, read as JSON. */
  // deno-lint-ignore no-explicit-any -- each example has figures of its own
  readonly figures: any;
  /** The names of the files that it wrote, in order. */
  readonly files: readonly string[];
}

/** Runs `examples/NAME/NAME.ts` with one short turn of each way. @throws {AssertionError} If it fails. */
export async function runExample(name: string, ...args: string[]): Promise<ExampleRun> {
  const out = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  try {
    const program = new URL(`../../../examples/${name}/${name}.ts`, import.meta.url);
    const common = ["--quick", "--json", "--fabric", testFabric(), "--out", out];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--quiet", program.href, ...common, ...args],
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    assertEquals(code, 0, text + new TextDecoder().decode(stderr));
    const files = [...Deno.readDirSync(out)].map((file) => file.name).sort();
    return { figures: JSON.parse(text.trimEnd().split("\n").at(-1)!), files };
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}
