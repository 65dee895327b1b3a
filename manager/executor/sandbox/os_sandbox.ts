/** The operating system's sandbox of a node: gives the command that starts an executor in it. */

import { isThere } from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { type OwnLimits, ownLimits } from "./own_limits.ts";
import { fillRecipe, type Recipe, recipeFault } from "./recipe.ts";
import { type RecipeName, RECIPES } from "./recipes.ts";
import {
  type Architecture,
  seccompFilter,
  type SeccompOptions,
  seccompProfile,
} from "./seccomp_filter.ts";

/** What a node is told to use: a recipe of ours by its name, or its owner's own. */
export type SandboxChoice = RecipeName | Recipe;

/** Where the shell finds programs that a sandbox's own command starts. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Opens two descriptors and becomes the sandbox's command, which hands them on: 3, memory that the node's executors share
 * (or nothing), and 4, the filter. Deno can't start a process with descriptors. Signals that are meant for the manager and
 * reach all that a terminal runs are ignored from here on, as executors do themselves.
 */
const OPEN_AND_BECOME = 'trap "" INT TERM HUP; exec 3<>"$1" 4<"$2"; shift 2; exec "$@"';
/** Descriptor 3 as the executor names it. */
export const SHARED_INSIDE = "/proc/self/fd/3";

/** What one executor needs of its sandbox. */
export interface SandboxedStart {
  /** Where Deno and the executor's code lie. */
  readonly deno: string;
  readonly code: string;
  /** The command inside. */
  readonly executor: readonly string[];
  readonly rdma: boolean;
  /** Whether it may use the network. */
  readonly net: boolean;
  /** Files and folders that it may read. */
  readonly readable: readonly string[];
  /** A file of shared memory for descriptor 3. */
  readonly shared?: string | undefined;
}

export class OsSandbox {
  /** The recipe's name; `custom` for the owner's own. */
  readonly name: string;
  readonly #recipe: Recipe;
  readonly #folder: string;
  readonly #own: OwnLimits;
  readonly #written = new Map<string, Promise<{ bpf: string; profile: string }>>();

  private constructor(name: string, recipe: Recipe, folder: string, own: OwnLimits) {
    this.#own = own;
    this.name = name;
    this.#recipe = recipe;
    this.#folder = folder;
  }

  /**
   * Makes the folder of its files below `stateDir`; nothing for `none`.
   *
   * @throws {TypeError} if the recipe makes no sense, or its program is not there.
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
    if (!isThere(libc, program)) {
      throw new TypeError(`Cannot use sandbox ${name}: there is no ${program} here, install it`);
    }
    if (Deno.build.arch !== "x86_64" && Deno.build.arch !== "aarch64") {
      throw new TypeError(`Cannot use sandbox ${name}: no filter is known for ${Deno.build.arch}`);
    }
    const folder = `${stateDir}/sandbox`;
    await Deno.mkdir(`${folder}/root`, { recursive: true, mode: 0o700 });
    return new OsSandbox(name, recipe, folder, ownLimits(libc));
  }

  /** The command that starts an executor. */
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
        root: `${this.#folder}/root`,
        id: `rfaas-${crypto.randomUUID()}`,
        seccomp: profile,
        ...this.#own,
      },
    });
    const shell = ["/bin/sh", "-c", OPEN_AND_BECOME, "sh", start.shared ?? "/dev/null", bpf];
    return { words: [...shell, ...words], env: { PATH } };
  }

  #filter(options: SeccompOptions): Promise<{ bpf: string; profile: string }> {
    const name = `${this.#folder}/seccomp${options.net ? "-net" : ""}${
      options.rdma ? "-rdma" : ""
    }`;
    const known = this.#written.get(name);
    if (known) return known;
    const written = this.#write(name, options);
    this.#written.set(name, written);
    written.catch(() => this.#written.delete(name)); // a disk that is full may have room again
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
