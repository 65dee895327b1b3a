/**
 * The gate before each commit, in one word: format, lint, types, examples in the texts, fast tests.
 *
 * @module
 */
const STEPS: readonly (readonly string[])[] = [
  ["fmt", "--check"],
  ["lint", "--quiet"],
  ["check", "--quiet", "."],
  ["check", "--quiet", "--doc", "mod.ts", "runtime", "README.md"],
  [
    "test",
    "--allow-all",
    "--quiet",
    "--no-check",
    "tests/architecture_test.ts",
    "tests/ffi",
    "tests/examples",
    "tests/scripts",
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
