/** Memory bounds that the kernel enforces: one control group for each executor. */

import { setTimeout as delay } from "node:timers/promises";
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

/** How often to try to remove a group whose process has just ended, and the pause between two attempts. */
const MAX_REMOVE_ATTEMPTS = 40;
const REMOVE_PAUSE_MS = 25;

/** A group of version 1 that has used this share of its limit has reached it: the kernel charges pages in batches. */
const REACHED_SHARE = 0.98;

/** Bounds executors by control groups of version 1 or 2. */
export class CgroupBounds implements MemoryBounds {
  readonly hard = true;
  readonly how: string;
  readonly #libc: Libc;
  readonly #hierarchy: CgroupHierarchy;
  /** Part of the groups' names: a process may run several executor managers. */
  readonly #owner = crypto.randomUUID().slice(0, 8);
  /** The numbers of the groups in use, which are part of their names. */
  readonly #used = new Set<number>();
  readonly #removing = new Set<Promise<void>>();

  constructor(libc: Libc, hierarchy: CgroupHierarchy) {
    this.#libc = libc;
    this.#hierarchy = hierarchy;
    this.how = `by control groups of version ${hierarchy.version} in ${hierarchy.folder}`;
    sweepGroups(libc, hierarchy);
  }

  /**
   * Puts a process into a new group.
   *
   * @throws {Error} when the kernel does not accept the process, most often because it has ended.
   */
  async bound(pid: number): Promise<MemoryBound> {
    const number = this.#make();
    const folder = this.#folder(number);
    const release = () => {
      const removing = this.#remove(number).finally(() => this.#removing.delete(removing));
      this.#removing.add(removing);
    };
    try {
      // Beside the event loop: this takes 11 ms and more, since the kernel waits for all its processors.
      await writeKernelFileAside(this.#libc, `${folder}/cgroup.procs`, `${pid}`);
    } catch (error) {
      release();
      throw error;
    }
    return {
      set: (limitBytes) => this.#limit(folder, limitBytes),
      ranOut: () => this.#ranOut(folder),
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
        // EEXIST: this group is about to be removed.
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
    // The limit of memory and swap together. A kernel that does not count swap has no such file.
    writeKernelFile(libc, `${folder}/memory.memsw.limit_in_bytes`, text, { ifThere: true });
  }

  /**
   * The kernel counts a process that it kills for lack of memory in the process's own group, whichever group or host lacked
   * it. The group's own limit is counted apart.
   */
  #ranOut(folder: string): "lease" | "host" | undefined {
    const second = this.#hierarchy.version === 2;
    const read = (file: string) => readKernelFile(this.#libc, `${folder}/${file}`);
    try {
      const events = read(second ? "memory.events" : "memory.oom_control");
      if (!(countOf(events, "oom_kill") > 0)) return undefined;
      if (second) return countOf(events, "oom") > 0 ? "lease" : "host";
      const most = Number(read("memory.max_usage_in_bytes"));
      const limit = Number(read("memory.limit_in_bytes"));
      return most >= limit * REACHED_SHARE ? "lease" : "host"; // memory.failcnt stays 0 on some kernels (6.18)
    } catch {
      return undefined;
    }
  }

  /** Retries, because a group stays busy for a moment after its last process has ended. */
  async #remove(number: number): Promise<void> {
    for (let attempts = 0; attempts < MAX_REMOVE_ATTEMPTS; attempts++) {
      if (removeKernelFolder(this.#libc, this.#folder(number))) {
        this.#used.delete(number);
        return;
      }
      await delay(REMOVE_PAUSE_MS);
    }
    getLogger(["rfaas", "executor-manager", "limits"]).warn(
      "cannot remove control group {folder}: busy",
      {
        folder: this.#folder(number),
      },
    );
  }
}

/** The value of a line "NAME NUMBER". */
function countOf(text: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}
