/** Other processes as the kernel reports them: their state, parents and open resources. */

/** State and parent from /proc/PID/stat. The name before them may have any characters, so parsing starts after it. */
function stat(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state = "", parent = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Whether a process runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  const found = stat(pid);
  return found !== undefined && found.state !== "Z" && found.state !== "X";
}

/** Whether a signal has stopped a process, with all its threads. */
export function isStopped(pid: number): boolean {
  return stat(pid)?.state === "T";
}

/** Kills a process unless it has ended already. */
export function killIfThere(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The kernel's ticks of processor time a second (`man 5 proc_pid_stat`, USER_HZ). */
const TICKS_PER_SECOND = 100;

/** The processor time of a process and all its threads; 0 for one that has ended. */
export function processorSeconds(pid: number): number {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND; // utime and stime
  } catch {
    return 0;
  }
}

/** The running processes that a process has started. */
export function children(pid: number): number[] {
  const found: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    const child = Number(name);
    if (Number.isInteger(child) && stat(child)?.parent === pid && isAlive(child)) found.push(child);
  }
  return found;
}

/** The running children of a process, their children, and so on. */
export function descendants(pid: number): number[] {
  return children(pid).flatMap((child) => [child, ...descendants(child)]);
}

/** The words that a process was started with, and its variables as `NAME=value`; none of one that has ended. */
export function startOf(pid: number): { readonly words: string[]; readonly variables: string[] } {
  const list = (name: string) =>
    Deno.readTextFileSync(`/proc/${pid}/${name}`).split("\0").filter((text) => text !== "");
  try {
    return { words: list("cmdline"), variables: list("environ") };
  } catch (error) {
    if (isAlive(pid)) throw error;
    return { words: [], variables: [] };
  }
}

/** The resources of a process that a lease could leak. */
export interface Holdings {
  /** Descriptors other than sockets. */
  readonly descriptors: number;
  /** Sockets of the fabric and of HTTP; HTTP keeps the sockets of concurrent requests open for a while. */
  readonly sockets: number;
  /** Descriptors of this project's shared memory. */
  readonly segments: number;
  /** Mappings of this project's shared memory. */
  readonly mappings: number;
  /** Child processes. */
  readonly processes: number;
}

/** Counts the resources of a process. */
export function holdings(pid: number): Holdings {
  const targets: string[] = [];
  for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
    try {
      targets.push(Deno.readLinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // closed meanwhile, like the descriptor of this folder
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

/** This project's files in /dev/shm, which tests beside this one have too for a moment. */
export function shmFiles(folder = "/dev/shm"): string[] {
  const isOurs = ({ name }: Deno.DirEntry) => folder !== "/dev/shm" || name.startsWith("rfaas");
  return entriesOf(folder).filter(isOurs).flatMap(({ name, isDirectory }) =>
    isDirectory ? shmFiles(`${folder}/${name}`) : [`${folder}/${name}`]
  ).sort();
}

/** The entries of a folder; none of one that another test has just removed. */
function entriesOf(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The number of a process's sockets with this project's name. */
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
