/** Recipes for the operating system's sandbox: the words of a command, with placeholders for what differs by executor. */

/** A recipe: one of {@linkcode RECIPES}, or the node owner's own. */
export interface Recipe {
  /**
   * The words of the command. The word `{executor}` is replaced by the executor's own command, which expects Deno at
   * {@linkcode DENO_INSIDE} and its code at {@linkcode CODE_INSIDE}. The words `{rdma}`, `{net}` and `{readable}` are
   * replaced by the lists below.
   *
   * Placeholders within words: `{deno}` and `{code}`, the paths of these two outside; `{cache}`, the executor's own folder for
   * compiled code, which it expects at {@linkcode CACHE_INSIDE} if the command has this word; `{root}`, an empty folder; `{id}`, a
   * name that is unique on this host; `{seccomp}`, the file of the filter as an OCI profile; `{cgroup}`, the manager's own
   * control group; `{nofile}`, `{nproc}` and `{memlock}`, the manager's own limits, -1 for none.
   */
  readonly command: readonly string[];
  /** Inserted on a node that listens on RDMA. */
  readonly rdma?: readonly string[];
  /** Inserted if the lease may use the network. */
  readonly net?: readonly string[];
  /** Inserted for each file or folder that the lease may read, its path in place of `{path}`. */
  readonly readable?: readonly string[];
}

/** The path of Deno inside a sandbox. */
export const DENO_INSIDE = "/rfaas/deno";
/** The folder of the executor's code inside a sandbox. */
export const CODE_INSIDE = "/rfaas/code";
/** The folder for compiled code inside a sandbox whose recipe uses `{cache}`: gone before foreign code loads. */
export const CACHE_INSIDE = "/rfaas/cache";
/** The writable folder inside a sandbox. */
export const TMP_INSIDE = "/tmp";

/** The placeholders within words. */
const TEXTS = [
  "deno",
  "code",
  "cache",
  "root",
  "id",
  "seccomp",
  "cgroup",
  "nofile",
  "nproc",
  "memlock",
] as const;
/** The placeholders for whole words. */
const LISTS = ["executor", "rdma", "net", "readable"];

/** What replaces the placeholders of a recipe. */
export interface RecipeValues {
  readonly executor: readonly string[];
  readonly texts: Readonly<Record<(typeof TEXTS)[number], string>>;
  readonly rdma: boolean;
  readonly net: boolean;
  readonly readable: readonly string[];
}

/** Returns the words of the command that starts an executor. */
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

/** Returns what is wrong with a recipe, as the end of a message; `undefined` if it is valid. */
export function recipeFault({ command, readable = [] }: Recipe): string | undefined {
  if (!command[0]?.startsWith("/")) return "its command must begin with an absolute path";
  if (command.filter((word) => word === "{executor}").length !== 1) {
    return "its command must contain the word {executor} exactly once";
  }
  for (const word of command) {
    if (LISTS.some((name) => word === `{${name}}`)) continue;
    for (const [placeholder, name] of word.matchAll(/\{(\w*)\}/g)) {
      if (!(TEXTS as readonly string[]).includes(name!)) {
        return `unknown placeholder ${placeholder} in ${JSON.stringify(word)}`;
      }
    }
  }
  if (readable.length > 0 && !readable.some((word) => word.includes("{path}"))) {
    return "its list `readable` must contain {path}";
  }
  return undefined;
}
