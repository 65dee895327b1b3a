/** How several executors started, as one start: of a lease on its node, and of all of its nodes at the client. */

import type { Executor } from "./node_protocol.ts";

/** `pooled` if every executor had booted before it was needed. */
export function startOf(executors: readonly Pick<Executor, "start">[]): Executor["start"] {
  return executors.every(({ start }) => start === "pooled") ? "pooled" : "cold";
}

/** The times of the worker that took longest to start. The workers started at the same time. */
export function slowestOf(
  executors: readonly Pick<Executor, "bootMs" | "startMs">[],
): Pick<Executor, "bootMs" | "startMs"> {
  const { bootMs, startMs } = executors.reduce((a, b) =>
    a.bootMs + a.startMs > b.bootMs + b.startMs ? a : b
  );
  return { bootMs, startMs };
}
