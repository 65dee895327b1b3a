/** What the programs outside the `rfaas` command accept, and how they refuse the rest. */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  choiceOption,
  integerOption,
  refuseArguments,
  refuseUnknown,
  textOption,
  UsageError,
} from "../../cli/program_arguments.ts";

const PROGRAMS = {
  bench: "bench/run.ts",
  vm: "scripts/vm.ts",
  demo: "examples/demo/demo.ts",
  black_scholes: "examples/black_scholes/black_scholes.ts",
  jacobi: "examples/jacobi/jacobi.ts",
  matrix_product: "examples/matrix_product/matrix_product.ts",
  monte_carlo: "examples/monte_carlo/monte_carlo.ts",
  offload: "examples/offload/offload.ts",
  rping: "examples/rping/rping.ts",
};

async function run(path: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", new URL(`../../${path}`, import.meta.url).pathname, ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out!, stderr: error! };
}

for (const [name, path] of Object.entries(PROGRAMS)) {
  Deno.test(`${name} has help, and exit status 2 for an unknown option`, async () => {
    for (const flag of ["--help", "-h"]) {
      const { code, stdout, stderr } = await run(path, flag);
      assertEquals({ code, stderr }, { code: 0, stderr: "" });
      assertMatch(stdout, new RegExp(`^Usage: ${name} [^]*\\n {2}-h, --help +Show help\\n`));
      assertMatch(stdout, /\nExample:\n/);
    }
    const { code, stdout, stderr } = await run(path, "--nothing=1");
    assertEquals({ code, stdout }, { code: 2, stdout: "" });
    assertEquals(stderr, `${name}: unknown option '--nothing'\nTry --help\n`);
  });
}

Deno.test("vm refuses a time limit that is no number above 0", async () => {
  for (const limit of ["0", "soon", ""]) {
    const { code, stderr } = await run(PROGRAMS.vm, `--timeout=${limit}`, "--", "true");
    assertEquals(code, 2);
    assertMatch(stderr, /^vm: option '--timeout' (expects a number above 0|needs a value)/);
  }
});

Deno.test("rping refuses wrong roles, addresses and numbers", async () => {
  const wrong: [string[], RegExp][] = [
    [[], /^rping: the first argument is server or client, not ''/],
    [["server"], /^rping: a server has one address/],
    [["client", "a", "b"], /^rping: a client has one address/],
    [["client", "a:b"], /^rping: an address is HOST, /],
    [["client", "a", "--size", "1"], /^rping: option '--size' expects an integer from \d+ to /],
    [["client", "a", "--count", "0"], /^rping: option '--count' expects an integer of at least 1/],
    [
      ["client", "a", "--text", "x".repeat(1000)],
      /^rping: option '--text' expects at most \d+ bytes/,
    ],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr } = await run(PROGRAMS.rping, ...args);
    assertEquals(code, 2);
    assertMatch(stderr, message);
  }
});

Deno.test("`refuseUnknown()` keeps arguments and refuses options by name", () => {
  assertEquals(refuseUnknown("file"), true);
  assertThrows(() => refuseUnknown("--x=1", "x"), UsageError, "unknown option '--x'");
  assertThrows(() => refuseArguments(["a", 1]), UsageError, "too many arguments: a 1");
  refuseArguments([]);
});

Deno.test("`textOption()`, `choiceOption()` and `integerOption()` check values", () => {
  assertEquals(textOption("out", "x"), "x");
  assertEquals(textOption("out", undefined), undefined);
  assertThrows(() => textOption("out", ""), UsageError, "option '--out' needs a value");
  const fabric: "shm" | "verbs" = choiceOption("fabric", "shm", ["shm", "verbs"]);
  assertEquals(fabric, "shm");
  const wrongFabric = "option '--fabric' expects shm or verbs, not 'ib'";
  assertThrows(() => choiceOption("fabric", "ib", ["shm", "verbs"]), UsageError, wrongFabric);
  assertEquals(integerOption("count", "7", 1), 7);
  for (const wrong of ["0", "-1", "1.5", "1e3", "many", "9".repeat(20)]) {
    assertThrows(() => integerOption("count", wrong, 1), UsageError, `at least 1, not '${wrong}'`);
  }
  assertThrows(() => integerOption("count", "11", 1, 10), UsageError, "from 1 to 10, not '11'");
});
