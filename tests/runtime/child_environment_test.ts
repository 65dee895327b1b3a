/** The variables that processes receive which rfaas starts. */

import { assertEquals } from "@std/assert";
import { HOSTILE_ENVIRONMENT } from "../support/processes/hostile_environment.ts";

const MODULE = new URL("../../runtime/child_environment.ts", import.meta.url).href;

/** What all children receive. */
const ALWAYS = { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };

/** A folder for what Deno caches in the programs below. */
const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Evaluates an expression in a program that has these variables, and may read them by this flag. */
async function evaluate(expression: string, env: Record<string, string>, flag = "--allow-env") {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--quiet",
      flag,
      `data:text/javascript,import {childEnvironment,denoEnvironment} from "${MODULE}";` +
      `console.log(JSON.stringify(${expression}));`,
    ],
    cwd: folder,
    stdin: "null",
    env,
  }).output();
  const text = new TextDecoder();
  assertEquals(text.decode(stderr), "");
  return JSON.parse(text.decode(stdout));
}

Deno.test("`denoEnvironment()` passes what is on its list, and nothing else", async (t) => {
  const listed = {
    PATH: "/bin",
    HOME: "/home",
    DENO_DIR: `${folder}/cache`,
    HTTPS_PROXY: "http://p",
  };
  const { NODE_OPTIONS: _opensPort, ...hostile } = HOSTILE_ENVIRONMENT;
  const passed = await evaluate('denoEnvironment(["MORE"])', {
    ...hostile,
    ...listed,
    DENO_LOG: "off",
    NODE_OPTIONS: "--no-warnings",
    RFAAS_TOKEN: "secret",
    MORE: "one",
  });
  for (const variable of [...Object.keys(HOSTILE_ENVIRONMENT), "DENO_LOG", "RFAAS_TOKEN"]) {
    await t.step(`not ${variable}`, () => assertEquals(passed[variable], undefined));
  }
  for (const [variable, value] of Object.entries({ ...listed, ...ALWAYS, MORE: "one" })) {
    await t.step(variable, () => assertEquals(passed[variable], value));
  }
});

Deno.test("`childEnvironment()` passes the variables that the program may read", async () => {
  const env = { ONE: "1", TWO: "2" };
  const passed = await evaluate('childEnvironment(["ONE", "TWO"])', env, "--allow-env=ONE");
  assertEquals(passed, { ONE: "1", ...ALWAYS });
});

Deno.test("`childEnvironment()` resolves folders, since a child has another working folder", async () => {
  const env = { DENO_DIR: "cache", TMPDIR: "t" };
  const passed = await evaluate('childEnvironment(["DENO_DIR", "TMPDIR"])', env);
  assertEquals(passed, { DENO_DIR: `${folder}/cache`, TMPDIR: `${folder}/t`, ...ALWAYS });
});
