/**
 * The gate before each commit: format, lint, types, documentation, fast tests.
 *
 * @module
 */
import { HEAVY_EXAMPLES } from "./prepare.ts";

const STEPS: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint", "--quiet"],
  ["check", "--quiet", "."],
  // The scripts of the dashboard, with the types of a browser.
  [
    "check",
    "--quiet",
    "--no-lock",
    "--config",
    "manager/resource/ui/page_types.json",
    "manager/resource/ui/page/app.js",
  ],
  ...HEAVY_EXAMPLES.flatMap((folder) =>
    ["fmt", "lint", "check"].map((step) => [
      step,
      "--quiet",
      ...step === "fmt" ? ["--check"] : [],
      "--config",
      `${folder}/deno.json`,
      folder,
    ])
  ),
  ["check", "--quiet", "--doc", "mod.ts", "functions.ts", "manager.ts", "runtime"],
  ["doc", "--lint", "mod.ts", "functions.ts", "manager.ts"],
  // The examples of these modules need no cluster, and no permission.
  [
    "test",
    "--doc",
    "--quiet",
    "functions.ts",
    "runtime/byte_size.ts",
    "runtime/codec",
    "runtime/functions",
  ],
  [
    "test",
    "--allow-all",
    "--quiet",
    "--no-check",
    "tests/architecture_test.ts",
    "tests/language_test.ts",
    "tests/docs/code_blocks_test.ts",
    "tests/docs/pages_test.ts",
    "tests/ffi",
    "tests/examples",
    "tests/scripts",
    "tests/std",
    "tests/cli/config_published_test.ts",
  ],
];

if (import.meta.main) {
  for (const args of STEPS) {
    console.log(`deno ${args.join(" ")}`);
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      cwd: new URL("..", import.meta.url),
      stdin: "null",
      stdout: "inherit",
      stderr: "inherit",
    }).output();
    if (code !== 0) Deno.exit(1);
  }
  console.log("ok");
}
