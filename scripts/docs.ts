/**
 * Makes the HTML reference of the public API: `deno task docs`.
 *
 * @module
 */
import project from "../deno.json" with { type: "json" };

/** Git ignores it. */
const OUTPUT = "out/docs";

if (import.meta.main) {
  const root = new URL("..", import.meta.url);
  await Deno.mkdir(new URL(OUTPUT, root), { recursive: true });
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "doc",
      "--quiet",
      "--html",
      "--name=rfaas",
      `--output=${OUTPUT}`,
      ...Object.values(project.exports),
    ],
    cwd: root,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) Deno.exit(code);
  console.log(`The reference is at ${new URL(`${OUTPUT}/index.html`, root).href}`);
}
