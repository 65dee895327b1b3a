/** A batch system that gives jobs whole nodes: first come, first served, with backfilling (EASY). */

import type { BatchJob } from "./batch_jobs.ts";

/** What happens to nodes. */
export interface NodeEvents {
  /** A job gets idle nodes. */
  started(at: number, nodes: readonly number[]): void;
  /** A job has ended: its nodes are idle. */
  ended(at: number, nodes: readonly number[]): void;
}

interface Running {
  readonly end: number;
  readonly nodes: readonly number[];
}

/**
 * Runs the jobs. The first waiting job gets a time at which enough nodes will be idle. A later one starts before it if it
 * does not delay it; the time that a job requests is the time that it takes.
 */
export function scheduleJobs(count: number, jobs: readonly BatchJob[], events: NodeEvents): void {
  const idle = Array.from({ length: count }, (_, node) => node);
  const waiting: BatchJob[] = [];
  /** By their ends. */
  const running: Running[] = [];
  const start = (at: number, job: BatchJob) => {
    const nodes = idle.splice(0, job.nodes); // the first in their order, as Slurm does
    const run = { end: at + job.seconds, nodes };
    const place = running.findIndex(({ end }) => end > run.end);
    running.splice(place < 0 ? running.length : place, 0, run);
    events.started(at, nodes);
  };
  const startWaiting = (at: number) => {
    while (waiting.length > 0 && waiting[0]!.nodes <= idle.length) start(at, waiting.shift()!);
    const [first] = waiting;
    if (first === undefined) return;
    let free = idle.length;
    const enough = running.find(({ nodes }) => (free += nodes.length) >= first.nodes)!;
    let spare = free - first.nodes; // what the first job leaves at that time
    for (let i = 1; i < waiting.length; i++) {
      const job = waiting[i]!;
      if (job.nodes > idle.length) continue;
      const endsBefore = at + job.seconds <= enough.end;
      if (!endsBefore && job.nodes > spare) continue;
      if (!endsBefore) spare -= job.nodes;
      waiting.splice(i--, 1);
      start(at, job);
    }
  };
  for (let next = 0; next < jobs.length || running.length > 0;) {
    const job = jobs[next];
    const [first] = running;
    if (job !== undefined && (first === undefined || job.submitted < first.end)) {
      next++;
      waiting.push(job);
      startWaiting(job.submitted);
      continue;
    }
    const { end, nodes } = running.shift()!;
    idle.push(...nodes);
    idle.sort((a, b) => a - b);
    events.ended(end, nodes);
    startWaiting(end);
  }
}
