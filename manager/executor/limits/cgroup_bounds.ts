/** Memory bounds that the kernel keeps: a control group for each executor. */

import { EEXIST, type ErrnoError } from "../../../ffi/errno.ts";
import {
  makeKernelFolder,
  readKernelFile,
  removeKernelFolder,
  writeKernelFile,
  writeKernelFileAside,
} from "../../../ffi/kernel_file.ts";
import type { Libc } from "../../../ffi/libc.ts";
import { getLogger } from "../../log.ts";
import { type CgroupHierarchy, groupName, sweepGroups } from "./cgroup_hierarchy.ts";
import type { MemoryBound, MemoryBounds } from "./memory_limit.ts";

/** How often and how long apart a group whose process has just ended is tried to be removed. */
const REMOVE_TRIES = 40;
const REMOVE_EVERY_MS = 25;

export class CgroupBounds implements MemoryBounds {
  readonly hard = true;
  readonly how: string;
  readonly #libc: Libc;
  readonly #hierarchy: CgroupHierarchy;
  /** Tells the managers of one process apart. */
  readonly #owner = crypto.randomUUID().slice(0, 8);
  /** Numbers of the groups in use: each is their folder's name. */
  readonly #used = new Set<number>();
  readonly #removing = new Set<Promise<void>>();

  constructor(libc: Libc, hierarchy: CgroupHierarchy) {
    this.#libc = libc;
    this.#hierarchy = hierarchy;
    this.how = `by control groups of version ${hierarchy.version} in ${hierarchy.folder}`;
    sweepGroups(libc, hierarchy);
  }

  /** @throws {Error} where the process can't be put into a group; it has ended, most often. */
  async bound(pid: number): Promise<MemoryBound> {
    const number = this.#make();
    const folder = this.#folder(number);
    const release = () => {
      const removing = this.#remove(number).finally(() => this.#removing.delete(removing));
      this.#removing.add(removing);
    };
    try {
      // The kernel takes 11 ms and more: it waits for all its processors.
      await writeKernelFileAside(this.#libc, `${folder}/cgroup.procs`, `${pid}`);
    } catch (error) {
      release();
      throw error;
    }
    return {
      set: (limitBytes) => this.#limit(folder, limitBytes),
      wasOver: () => this.#kills(folder) > 0,
      release,
    };
  }

  /** Waits until the groups of processes that have ended are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#removing);
  }

  #folder(number: number): string {
    return `${this.#hierarchy.folder}/${groupName(`${this.#owner}-${number}`)}`;
  }

  #make(): number {
    for (let number = 1;; number++) {
      if (this.#used.has(number)) continue;
      this.#used.add(number);
      try {
        makeKernelFolder(this.#libc, this.#folder(number));
        return number;
      } catch (error) {
        this.#used.delete(number);
        // One that is not removed yet.
        if ((error as ErrnoError).errno !== EEXIST) throw error;
      }
    }
  }

  #limit(folder: string, limitBytes: number): void {
    const libc = this.#libc;
    const text = `${limitBytes}`;
    if (this.#hierarchy.version === 2) {
      writeKernelFile(libc, `${folder}/memory.swap.max`, "0", { ifThere: true });
      return writeKernelFile(libc, `${folder}/memory.max`, text);
    }
    writeKernelFile(libc, `${folder}/memory.limit_in_bytes`, text);
    // Memory and swap together; not there where the kernel does not count swap.
    writeKernelFile(libc, `${folder}/memory.memsw.limit_in_bytes`, text, { ifThere: true });
  }

  /** How many processes of the group the kernel has ended for its memory. */
  #kills(folder: string): number {
    const file = this.#hierarchy.version === 2 ? "memory.events" : "memory.oom_control";
    try {
      const text = readKernelFile(this.#libc, `${folder}/${file}`);
      return Number(/^oom_kill (\d+)/m.exec(text)?.[1] ?? 0);
    } catch {
      return 0;
    }
  }

  /** The kernel keeps a group busy for a moment after its last process. */
  async #remove(number: number): Promise<void> {
    for (let tries = 0; tries < REMOVE_TRIES; tries++) {
      if (removeKernelFolder(this.#libc, this.#folder(number))) {
        this.#used.delete(number);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, REMOVE_EVERY_MS));
    }
    getLogger(["rfaas", "executor-manager"]).warn("control group {folder} can't be removed", {
      folder: this.#folder(number),
    });
  }
}
