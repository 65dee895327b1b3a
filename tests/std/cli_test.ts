/** Parsed arguments, and a prompt without a terminal. */

import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

const OPTIONS = {
  boolean: ["help", "json"],
  string: ["out", "only"],
  collect: ["only"],
  alias: { help: "h", out: "o" },
} as const;

Deno.test("`parseArgs()` returns each declared option the type that it was declared with", () => {
  const parsed: {
    help: boolean;
    json: boolean;
    out?: string;
    only: string[];
    _: (string | number)[];
  } = parseArgs(["-h", "--out=1", "--only", "a", "run", "--only=b", "2"], OPTIONS);
  const { help, json, out, only, _ } = parsed;
  assertEquals({ help, json, out, only, _ }, {
    help: true,
    json: false,
    out: "1",
    only: ["a", "b"],
    _: ["run", 2],
  });
  // @ts-expect-error -- not declared
  assertEquals(parseArgs([], OPTIONS).nothing, undefined);
});

Deno.test("`parseArgs()` omits a missing text and returns an empty list", () => {
  const { out, only } = parseArgs([], OPTIONS);
  assertEquals([out, only], [undefined, []]);
});

Deno.test("`parseArgs()` reads an option without its value as an empty text", () => {
  assertEquals(parseArgs(["--out"], OPTIONS).out, "");
  assertEquals(parseArgs(["--out", "--json"], OPTIONS).out, "");
  assertEquals(parseArgs(["-o", "x"], OPTIONS).out, "x");
});

Deno.test("`parseArgs()` passes what is not declared to `unknown`", () => {
  const seen: [string, string | undefined, unknown][] = [];
  const { _ } = parseArgs(["--no", "-x", "a", "--json"], {
    ...OPTIONS,
    unknown: (arg, key, value) => {
      seen.push([arg, key, value]);
      return false;
    },
  });
  assertEquals(seen, [["--no", "no", true], ["-x", "x", "a"]]);
  assertEquals(_, []);
});

Deno.test("`parseArgs()` with `stopEarly` parses nothing after the first argument", () => {
  const { json, _ } = parseArgs(["run", "--json", "1"], { ...OPTIONS, stopEarly: true });
  assertEquals([json, _], [false, ["run", "--json", "1"]]);
});
