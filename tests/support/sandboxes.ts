/** Which sandboxes of the operating system this host can start. */

import { openLibc } from "../../ffi/libc.ts";
import { OsSandbox } from "../../manager/executor/sandbox/os_sandbox.ts";
import { type RecipeName, recipeNames } from "../../manager/executor/sandbox/recipes.ts";

/** A recipe, and what is missing where it can't be used. */
export interface TriedRecipe {
  readonly recipe: Exclude<RecipeName, "none">;
  readonly missing: string | undefined;
}

/** What a test's name ends with where it is skipped. */
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

/** What a program in a sandbox said. */
export interface InsideOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with all of Deno's permissions in a sandbox: what native code in an executor could do. */
export async function runInside(
  recipe: Exclude<RecipeName, "none">,
  program: string,
  options: { net?: boolean; readable?: readonly string[]; rdma?: boolean } = {},
): Promise<InsideOutcome> {
  const libc = openLibc();
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-sandbox-" });
  try {
    await Deno.mkdir(`${folder}/code`);
    await Deno.writeTextFile(`${folder}/code/main.js`, program);
    const sandbox = (await OsSandbox.open(libc, recipe, folder))!;
    const { net = false, readable = [], rdma = false } = options;
    const { words, env } = await sandbox.command({
      deno: Deno.execPath(),
      code: `${folder}/code`,
      executor: ["/rfaas/deno", "run", "-A", "--no-prompt", "--no-remote", "/rfaas/code/main.js"],
      rdma,
      net,
      readable,
    });
    const { code, stdout, stderr } = await new Deno.Command(words[0]!, {
      args: words.slice(1),
      clearEnv: true,
      env: { ...env, DENO_DIR: "/tmp/deno", DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    libc.close();
    await Deno.remove(folder, { recursive: true });
  }
}
