/** Facts of the kernel about a process (`man 5 proc`). */

/** Clock ticks per second in /proc: USER_HZ is 100 on all Linux ports that Deno supports. */
const TICKS_PER_SECOND = 100;

/** Returns the processor time of all its threads so far, in seconds. */
export async function cpuSeconds(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Returns its resident memory in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const text = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
}

/** Returns the number of its open descriptors. */
export function openDescriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/** Returns its running child processes. */
export function childrenOf(pid: number): number[] {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].flatMap(({ name }) => {
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${name}/children`);
    return children.split(" ").filter((text) => text !== "").map(Number);
  });
}

/** Returns the ids of the threads of its Deno workers, which Deno names "worker-…". */
export function workerThreads(pid: number): number[] {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) => Number(name))
    .filter((id) => Deno.readTextFileSync(`/proc/${pid}/task/${id}/comm`).startsWith("worker-"));
}
