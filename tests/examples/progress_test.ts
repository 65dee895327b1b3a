import { assert, assertEquals, assertMatch } from "@std/assert";

const progress = new URL("../../examples/demo/progress.ts", import.meta.url);

/** Finishes 3 of 4 pieces and disposes of the bar twice, without any permission. */
const code = `import { progressBar } from ${JSON.stringify(progress.href)};
const bar = progressBar({ label: "thumbnails", total: 4 });
for (let i = 1; i <= 3; i++) bar.update(i);
bar[Symbol.dispose]();
bar[Symbol.dispose]();`;

const args = [
  "run",
  "--quiet",
  "--no-prompt",
  `--config=${new URL("../../deno.json", import.meta.url).pathname}`, // whose lock file names all versions
  `data:application/javascript,${encodeURIComponent(code)}`,
];

function hasScript(): boolean {
  try {
    return Deno.statSync("/usr/bin/script").isFile;
  } catch {
    return false;
  }
}

Deno.test("`progressBar()` writes one line if standard error is no terminal", async () => {
  const child = new Deno.Command(Deno.execPath(), { args });
  const { success, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stderr);
  assert(success, text);
  assertMatch(text, /^thumbnails {2}3\/4 {2}[\d.]+\/s {2}[\d.]+ s\n$/);
  assertEquals(stdout.length, 0);
});

Deno.test({
  name:
    "`progressBar()` draws a bar in a terminal, and its last state before it ends (needs script)",
  ignore: !hasScript(), // script(1) is what lends the child a terminal
  fn: async () => {
    const command = [Deno.execPath(), ...args].map((arg) => `'${arg}'`).join(" ");
    const child = new Deno.Command("/usr/bin/script", {
      args: ["--quiet", "--return", "--command", command.replaceAll("\n", " "), "/dev/null"],
      env: { TERM: "xterm" },
      stdin: "null",
    });
    const { success, stdout } = await child.output();
    const text = new TextDecoder().decode(stdout);
    assert(success, text);
    // deno-lint-ignore no-control-regex -- the bar is drawn by control sequences
    const drawn = text.split(/\x1b\[1?G|\r/);
    assertMatch(drawn[1] ?? "", /thumbnails {2}░{30} {2}0\/4 {2}–\/s/);
    assertMatch(text, /thumbnails {2}█{23}░{7} {2}3\/4 {2}[\d.]+\/s {2}[\d.]+ s/);
    assert(text.includes("\x1b[?25h"), "the cursor is shown again");
  },
});
