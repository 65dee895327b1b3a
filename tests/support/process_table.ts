/** What the kernel knows of other processes: who lives, who started whom, what each holds. */

import { limitMs } from "./time_factor.ts";

/** State and parent from /proc/PID/stat; the name between may hold anything, so look from its end. */
function stat(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Does it run? One that waits to be buried does not. */
export function isAlive(pid: number): boolean {
  const known = stat(pid);
  return known !== undefined && known.state !== "Z" && known.state !== "X";
}

/** Is it stopped by a signal, all its threads? */
export function isStopped(pid: number): boolean {
  return stat(pid)?.state === "T";
}

/** Kills it, if it has not gone already: what was found in the table may have ended since. */
export function killIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The processes that it started and that still run. */
export function children(pid: number): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const child = Number(name);
    if (Number.isInteger(child) && stat(child)?.parent === pid && isAlive(child)) found.push(child);
  }
  return found;
}

/** What a process holds that a lease might leave behind. */
export interface Holdings {
  /** All but sockets. */
  readonly descriptors: number;
  /** Sockets: of the fabric, and those that HTTP keeps open for a while, as many as there were requests at once. */
  readonly sockets: number;
  /** Descriptors and mappings of shared memory of this project. */
  readonly segments: number;
  readonly mappings: number;
  readonly processes: number;
}

export function holdings(pid: number): Holdings {
  const targets: string[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      targets.push(Deno.readLinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // closed meanwhile; the folder's own descriptor among them
    }
  }
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`).split("\n");
  return {
    descriptors: targets.filter((target) => !target.startsWith("socket:")).length,
    sockets: targets.filter((target) => target.startsWith("socket:")).length,
    segments: targets.filter((target) => target.startsWith("/memfd:rfaas-")).length,
    mappings: maps.filter((line) => line.includes("/memfd:rfaas-")).length,
    processes: children(pid).length,
  };
}

/** Names in /dev/shm, and this project's sockets, of the whole host. */
export function shmFiles(): string[] {
  return [...Deno.readDirSync("/dev/shm")].map(({ name }) => name).sort();
}

/** Inodes of the sockets that a process holds and that bear this project's name. */
export function rfaasSockets(pid: number): number {
  const ours = new Set(
    Deno.readTextFileSync("/proc/net/unix").split("\n")
      .filter((line) => line.includes("@rfaas/"))
      .map((line) => line.trim().split(/\s+/)[6]),
  );
  let count = 0;
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      if (ours.has(inode)) count++;
    } catch {
      // closed meanwhile
    }
  }
  return count;
}

/** Waits until `holds()`, and returns how long that took in milliseconds. The bound is a usual host's. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: () => string,
  usualMs = 5000,
): Promise<number> {
  const boundMs = limitMs(usualMs);
  const sinceMs = performance.now();
  while (!await holds()) {
    if (performance.now() - sinceMs > boundMs) {
      throw new Error(`Cannot go on: after ${boundMs} ms still not so: ${what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return performance.now() - sinceMs;
}

/** Waits for a promise, for so long at most on a usual host. */
export async function within<T>(usualMs: number, what: string, work: Promise<T>): Promise<T> {
  const boundMs = limitMs(usualMs);
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`Cannot go on: ${what} took more than ${boundMs} ms`)),
    boundMs,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
