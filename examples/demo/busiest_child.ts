/** Finding the process that runs a call. */

/** How long processes are watched: longer than a spare executor takes to start, which computes as well. */
const WATCH_MS = 300;

/**
 * The child of a process that computes most right now.
 *
 * @throws {Error} if it has no child that computes.
 */
export async function busiestChild(parent: number): Promise<number> {
  const before = await ticksOfChildren(parent);
  await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  let busiest = 0;
  let most = 0;
  for (const [pid, ticks] of await ticksOfChildren(parent)) {
    const used = ticks - (before.get(pid) ?? ticks);
    if (used > most) [busiest, most] = [pid, used];
  }
  if (most === 0) throw new Error(`Cannot find the executor: no child of ${parent} computes`);
  return busiest;
}

/** Clock ticks that each child has used so far (`man 5 proc`, /proc/PID/stat: ppid 4, utime 14, stime 15). */
async function ticksOfChildren(parent: number): Promise<Map<number, number>> {
  const ticks = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await Deno.readTextFile(`/proc/${name}/stat`).catch(() => "");
    // The name in parentheses may hold anything, so fields are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (Number(fields[1]) === parent) {
      ticks.set(Number(name), Number(fields[11]) + Number(fields[12]));
    }
  }
  return ticks;
}
