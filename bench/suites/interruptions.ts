/** Counters of the kernel for events that take a core from a thread (`man 5 proc`). */

import { childrenOf, workerThreads } from "../process_stat.ts";

/** Counts since the start of the host or of the threads. */
export interface Interruptions {
  /** Timer interrupts of all cores. */
  readonly ticks: number;
  /** Involuntary switches: a thread lost its core to another one. */
  readonly switches: number;
}

/** Reads the counters of the calling thread and of all workers of a manager. */
export function interruptions(manager: number): Interruptions {
  const threads = ["/proc/thread-self", ...workersBelow(manager)];
  return { ticks: timerTicks(), switches: threads.reduce((sum, at) => sum + switchesOf(at), 0) };
}

/** Local timer interrupts of all cores; 0 if the kernel has another name for them. */
function timerTicks(): number {
  const line = /^\s*(?:LOC:|.*arch_timer)(.*)$/m.exec(Deno.readTextFileSync("/proc/interrupts"));
  return (line?.[1]?.match(/\b\d+\b/g) ?? []).reduce((sum, count) => sum + Number(count), 0);
}

/** Involuntary switches of a thread; 0 after its end. */
function switchesOf(thread: string): number {
  try {
    const status = Deno.readTextFileSync(`${thread}/status`);
    return Number(/^nonvoluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** The workers in all descendants of a process, as folders of /proc. */
function workersBelow(pid: number): string[] {
  return childrenOf(pid).flatMap((child) => [
    ...workerThreads(child).map((thread) => `/proc/${child}/task/${thread}`),
    ...workersBelow(child),
  ]);
}
