/** The sandboxes of the operating system that this host can start. */

import { openLibc } from "../../ffi/libc.ts";
import { OsSandbox } from "../../manager/executor/sandbox/os_sandbox.ts";
import { type RecipeName, recipeNames } from "../../manager/executor/sandbox/recipes.ts";

/** A sandbox recipe, and what is missing when it cannot be used. */
export interface TriedRecipe {
  readonly recipe: Exclude<RecipeName, "none">;
  readonly missing: string | undefined;
}

/** The end of a test's name where it is skipped. */
export function need({ missing }: { readonly missing: string | undefined }): string {
  return missing === undefined ? "" : ` (needs ${missing})`;
}

/** Starts a small program in each sandbox once. */
export async function triedRecipes(): Promise<TriedRecipe[]> {
  const tried: TriedRecipe[] = [];
  for (const recipe of recipeNames) {
    if (recipe !== "none") tried.push(await tryRecipe(recipe));
  }
  return tried;
}

/** Starts a small program in this sandbox once. */
export async function tryRecipe(recipe: TriedRecipe["recipe"]): Promise<TriedRecipe> {
  const outcome = await runInside(recipe, "console.log('inside');").catch((error) => `${error}`);
  const works = typeof outcome !== "string" && outcome.stdout === "inside\n";
  return { recipe, missing: works ? undefined : recipe };
}

/** The outcome of a program in a sandbox. */
export interface InsideOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with all of Deno's permissions in a sandbox, so that it can do what native code could do. */
export async function runInside(
  recipe: Exclude<RecipeName, "none">,
  program: string,
  options: { net?: boolean; readable?: readonly string[]; rdma?: boolean } = {},
): Promise<InsideOutcome> {
  const libc = openLibc();
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-sandbox-" });
  try {
    await Deno.mkdir(`${folder}/code`);
    await Deno.mkdir(`${folder}/cache`);
    await Deno.writeTextFile(`${folder}/code/main.js`, program);
    const sandbox = (await OsSandbox.open(libc, recipe, folder))!;
    const { net = false, readable = [], rdma = false } = options;
    const { words, env } = await sandbox.command({
      deno: Deno.execPath(),
      code: `${folder}/code`,
      cache: `${folder}/cache`,
      executor: ["/rfaas/deno", "run", "-A", "--no-prompt", "--no-remote", "/rfaas/code/main.js"],
      rdma,
      net,
      readable,
    });
    const { code, stdout, stderr } = await new Deno.Command(words[0]!, {
      args: words.slice(1),
      clearEnv: true,
      env: { ...env, DENO_DIR: "/rfaas/cache", DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    libc.close();
    await Deno.remove(folder, { recursive: true });
  }
}
