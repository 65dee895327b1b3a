/** The operating system's sandbox of a node: makes the command that starts an executor in it. */

import { pathExists } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { type OwnLimits, ownLimits } from "./own_limits.ts";
import { CACHE_INSIDE, fillRecipe, type Recipe, recipeFault, TMP_INSIDE } from "./recipe.ts";
import { type RecipeName, RECIPES } from "./recipes.ts";
import {
  type Architecture,
  seccompFilter,
  type SeccompOptions,
  seccompProfile,
} from "./seccomp_filter.ts";

/** The setting of a node: the name of a recipe, or a recipe of the node's owner. */
export type SandboxChoice = RecipeName | Recipe;

/** Where the shell finds the programs that a sandbox's command starts. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Opens two descriptors, which the sandbox's command inherits, then executes it. Descriptor 3 is memory that the node's
 * executors share, or /dev/null; 4 is the filter. A shell is needed because Deno cannot pass descriptors to a process. It
 * ignores the signals that a terminal sends to all its processes, as executors do: they are for the manager.
 */
const OPEN_AND_EXEC = 'trap "" INT TERM HUP; exec 3<>"$1" 4<"$2"; shift 2; exec "$@"';
/** The path by which an executor opens descriptor 3. */
export const SHARED_INSIDE = "/proc/self/fd/3";

/** What one executor needs of its sandbox. */
export interface SandboxedStart {
  /** The path of Deno outside of the sandbox. */
  readonly deno: string;
  /** The folder of the executor's code outside of the sandbox. */
  readonly code: string;
  /** The executor's folder for compiled code outside of the sandbox. */
  readonly cache: string;
  /** The command to run inside. */
  readonly executor: readonly string[];
  readonly rdma: boolean;
  /** Whether the lease may use the network. */
  readonly net: boolean;
  /** Files and folders that the lease may read. */
  readonly readable: readonly string[];
  /** The file of shared memory for descriptor 3. */
  readonly shared?: string | undefined;
}

/** A recipe that is ready for use on this host. */
export class OsSandbox {
  /** The recipe's name; `custom` for a recipe of the node's owner. */
  readonly name: string;
  readonly #recipe: Recipe;
  /** The folder of its files. */
  readonly folder: string;
  readonly #own: OwnLimits;
  readonly #written = new Map<string, Promise<{ bpf: string; profile: string }>>();

  private constructor(name: string, recipe: Recipe, folder: string, own: OwnLimits) {
    this.#own = own;
    this.name = name;
    this.#recipe = recipe;
    this.folder = folder;
  }

  /**
   * Checks the recipe, and makes the folder of its files below `stateDir`.
   *
   * @returns `undefined` for `none`.
   * @throws {TypeError} when the recipe is not valid, its program is not installed, or no filter exists for the processor.
   */
  static async open(
    libc: Libc,
    choice: SandboxChoice,
    stateDir: string,
  ): Promise<OsSandbox | undefined> {
    if (choice === "none") return undefined;
    const [name, recipe] = typeof choice === "string"
      ? [choice, RECIPES[choice]]
      : ["custom", choice];
    const fault = recipeFault(recipe);
    if (fault !== undefined) throw new TypeError(`Cannot use sandbox ${name}: ${fault}`);
    const [program] = recipe.command as [string];
    if (!pathExists(libc, program)) {
      throw new TypeError(`Cannot use sandbox ${name}: ${program} is not installed`);
    }
    if (Deno.build.arch !== "x86_64" && Deno.build.arch !== "aarch64") {
      throw new TypeError(`Cannot use sandbox ${name}: no filter exists for ${Deno.build.arch}`);
    }
    const folder = `${stateDir}/sandbox`;
    await Deno.mkdir(`${folder}/root`, { recursive: true, mode: 0o700 });
    return new OsSandbox(name, recipe, folder, ownLimits(libc));
  }

  /** The executor's folder for compiled code inside. */
  get cacheInside(): string {
    const hasOwn = this.#recipe.command.some((word) => word.includes("{cache}"));
    return hasOwn ? CACHE_INSIDE : `${TMP_INSIDE}/deno`;
  }

  /** Returns the command that starts an executor, and its environment. */
  async command(start: SandboxedStart): Promise<{ words: string[]; env: Record<string, string> }> {
    const { executor, net, rdma, readable } = start;
    const { bpf, profile } = await this.#filter({ net, rdma });
    const words = fillRecipe(this.#recipe, {
      executor,
      net,
      rdma,
      readable,
      texts: {
        deno: start.deno,
        code: start.code,
        cache: start.cache,
        root: `${this.folder}/root`,
        id: `rfaas-${crypto.randomUUID()}`,
        seccomp: profile,
        ...this.#own,
      },
    });
    const shell = ["/bin/sh", "-c", OPEN_AND_EXEC, "sh", start.shared ?? "/dev/null", bpf];
    return { words: [...shell, ...words], env: { PATH } };
  }

  #filter(options: SeccompOptions): Promise<{ bpf: string; profile: string }> {
    const name = `${this.folder}/seccomp${options.net ? "-net" : ""}${options.rdma ? "-rdma" : ""}`;
    const known = this.#written.get(name);
    if (known) return known;
    const written = this.#write(name, options);
    this.#written.set(name, written);
    written.catch(() => this.#written.delete(name)); // the next start tries again: the disk may have been full
    return written;
  }

  async #write(name: string, options: SeccompOptions): Promise<{ bpf: string; profile: string }> {
    const arch = Deno.build.arch as Architecture;
    const files = { bpf: `${name}.bpf`, profile: `${name}.json` };
    await Deno.writeFile(files.bpf, seccompFilter(arch, options), { mode: 0o600 });
    await Deno.writeTextFile(files.profile, JSON.stringify(seccompProfile(arch, options)), {
      mode: 0o600,
    });
    return files;
  }
}
