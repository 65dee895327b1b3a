/** What takes a core from a thread, as the kernel counts it (`man 5 proc`). */

/** How often threads of this name, in the processes below one, were put off their cores. */
export interface Interruptions {
  /** Interrupts of the cores' timers. */
  readonly ticks: number;
  /** How often a thread lost its core to another one. */
  readonly switches: number;
}

/** The calling thread's, and those of the worker threads of all executors of a manager. */
export function interruptions(manager: number): Interruptions {
  const threads = ["/proc/thread-self", ...workersBelow(manager)];
  return { ticks: timerTicks(), switches: threads.reduce((sum, at) => sum + switchesOf(at), 0) };
}

/** Local timer interrupts of all cores; 0 where the kernel has another name for them. */
function timerTicks(): number {
  const line = /^\s*(?:LOC:|.*arch_timer)(.*)$/m.exec(Deno.readTextFileSync("/proc/interrupts"));
  return (line?.[1]?.match(/\b\d+\b/g) ?? []).reduce((sum, count) => sum + Number(count), 0);
}

/** Switches that a thread did not ask for; 0 once it is gone. */
function switchesOf(thread: string): number {
  try {
    const status = Deno.readTextFileSync(`${thread}/status`);
    return Number(/^nonvoluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The threads of Deno's workers in the processes that one has started, as folders of /proc. */
function workersBelow(pid: number): string[] {
  const found: string[] = [];
  for (const { name: thread } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${thread}/children`);
    for (const child of children.split(" ").filter((text) => text !== "")) {
      found.push(...workersIn(child), ...workersBelow(Number(child)));
    }
  }
  return found;
}

function workersIn(pid: string): string[] {
  const tasks = [...Deno.readDirSync(`/proc/${pid}/task`)].map(({ name }) =>
    `/proc/${pid}/task/${name}`
  );
  return tasks.filter((task) => Deno.readTextFileSync(`${task}/comm`).startsWith("worker-"));
}
