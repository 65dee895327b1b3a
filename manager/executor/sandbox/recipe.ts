/** How an executor is put into a sandbox of the operating system: a command's words with places for what varies. */

/** A recipe: one of {@linkcode RECIPES}, or the node owner's own. */
export interface Recipe {
  /**
   * The words of the command. A word that is exactly `{executor}` stands for the executor's own command, which names its
   * Deno as {@linkcode DENO_INSIDE} and its code as {@linkcode CODE_INSIDE}; `{rdma}`, `{net}` and `{readable}` stand for the words
   * below. Inside words: `{deno}` and `{code}`, where these two lie outside; `{root}`, an empty folder; `{id}`, a name
   * that no other executor of this host has; `{seccomp}`, the file of the filter as an OCI profile; `{cgroup}`, the
   * manager's own control group; `{nofile}`, `{nproc}` and `{memlock}`, its own limits, of which -1 is none.
   */
  readonly command: readonly string[];
  /** Put in where leases are over RDMA. */
  readonly rdma?: readonly string[];
  /** Put in where the lease may use the network. */
  readonly net?: readonly string[];
  /** Put in for each file or folder that the lease may read, as `{path}`. */
  readonly readable?: readonly string[];
}

/** Where an executor in a sandbox finds its Deno, its code, and room to write. */
export const DENO_INSIDE = "/rfaas/deno";
export const CODE_INSIDE = "/rfaas/code";
export const ROOM_INSIDE = "/tmp";

/** What may stand inside of words, between braces. */
const TEXTS = [
  "deno",
  "code",
  "root",
  "id",
  "seccomp",
  "cgroup",
  "nofile",
  "nproc",
  "memlock",
] as const;
/** What may stand for words, likewise. */
const LISTS = ["executor", "rdma", "net", "readable"];

/** What varies. */
export interface RecipeValues {
  readonly executor: readonly string[];
  readonly texts: Readonly<Record<(typeof TEXTS)[number], string>>;
  readonly rdma: boolean;
  readonly net: boolean;
  readonly readable: readonly string[];
}

/** The words that start an executor. */
export function fillRecipe(recipe: Recipe, values: RecipeValues): string[] {
  const lists: Record<string, readonly string[]> = {
    "{executor}": values.executor,
    "{rdma}": values.rdma ? recipe.rdma ?? [] : [],
    "{net}": values.net ? recipe.net ?? [] : [],
    "{readable}": values.readable.flatMap((path) =>
      (recipe.readable ?? []).map((word) => word.replaceAll("{path}", () => path))
    ),
  };
  return recipe.command.flatMap((word) =>
    lists[word] ??
      [word.replaceAll(/\{(\w+)\}/g, (all, name) => Object(values.texts)[name] ?? all)]
  );
}

/** What is wrong with a recipe, as a sentence's end; `undefined` if nothing is. */
export function recipeFault({ command, readable = [] }: Recipe): string | undefined {
  if (!command[0]?.startsWith("/")) return "its command must begin with an absolute path";
  if (command.filter((word) => word === "{executor}").length !== 1) {
    return "its command must hold the word {executor} once";
  }
  for (const word of command) {
    if (LISTS.some((name) => word === `{${name}}`)) continue;
    for (const [place, name] of word.matchAll(/\{(\w*)\}/g)) {
      if (!(TEXTS as readonly string[]).includes(name!)) {
        return `nothing is known to stand for ${place} in ${JSON.stringify(word)}`;
      }
    }
  }
  if (readable.length > 0 && !readable.some((word) => word.includes("{path}"))) {
    return "its words for readable files must name {path}";
  }
  return undefined;
}
