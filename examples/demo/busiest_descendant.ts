/** Finds the process that runs a call. */

import { delay } from "@std/async";

/** How long processes are watched. Longer than the start of a spare executor, which computes too. */
const WATCH_MS = 300;

/**
 * Returns the descendant of a process that uses the most processor time: a sandbox stands between a manager and its
 * executors.
 *
 * @throws {Error} if none computes.
 */
export async function busiestDescendant(ancestor: number): Promise<number> {
  const before = await ticksOfDescendants(ancestor);
  await delay(WATCH_MS);
  let busiest = 0;
  let most = 0;
  for (const [pid, ticks] of await ticksOfDescendants(ancestor)) {
    const used = ticks - (before.get(pid) ?? ticks);
    if (used > most) [busiest, most] = [pid, used];
  }
  if (most === 0) throw new Error(`Cannot find the executor: no child of ${ancestor} computes`);
  return busiest;
}

/** Clock ticks that each descendant has used so far (`man 5 proc`, /proc/PID/stat: ppid 4, utime 14, stime 15). */
async function ticksOfDescendants(ancestor: number): Promise<Map<number, number>> {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    // The name in parentheses may contain anything: fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    parents.set(Number(name), Number(fields[1]));
    ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
  }
  const descends = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === ancestor || descends(parent));
  };
  return new Map([...ticks].filter(([pid]) => descends(pid)));
}
