/** Whether nodes have done what they were last requested to lend, by their heartbeats. */
import { type AwaitedReport, NodeReports } from "../node_reports.ts";
import { MAX_RECLAIMS } from "../policy.ts";
import { Revisions } from "../revisions.ts";
import type { NodeRow } from "../store/store.ts";

/** What a heartbeat reported. */
interface Reported {
  /** The last change that the node had applied when it wrote the heartbeat. */
  readonly revision: number | undefined;
  /** The workers of the leases that it serves. */
  readonly workers: number;
  /** Executors that run, with those that wait for leases. */
  readonly executors: number;
}

/**
 * Counts the changes of what each node lends. A node repeats the number of the last change that it has applied: from
 * then on it admits nothing beyond it, so what it serves can only shrink.
 */
export class Settling {
  readonly #revisions: Revisions;
  readonly #reported = new Map<string, Reported>();
  readonly #reports: NodeReports;

  /** @param maxWaiting how many requests may wait for reports at a time. */
  constructor(nowMs: number, maxWaiting = MAX_RECLAIMS) {
    this.#revisions = new Revisions(nowMs);
    this.#reports = new NodeReports(maxWaiting);
  }

  /** The number of the last change of a node. */
  revision(node: string): number {
    return this.#revisions.of(node);
  }

  /** Counts a change. Called after the row has changed, since a node may confirm the number from then on. */
  change(node: string): void {
    this.#revisions.change(node);
  }

  /** Records a heartbeat. */
  record(node: string, reported: Reported): void {
    this.#reported.set(node, reported);
    this.#reports.notify(node);
  }

  /** A node has started again. Its changes go on counting. */
  restarted(node: string): void {
    this.#reported.delete(node);
  }

  /** A node was removed. */
  forget(node: string): void {
    this.#reported.delete(node);
    this.#revisions.forget(node);
    this.#reports.notify(node);
  }

  /** Begins to wait for the next heartbeat of a node, or its removal. */
  awaitReport(node: string): AwaitedReport {
    return this.#reports.await(node);
  }

  /** Ends all waits. */
  close(): void {
    this.#reports.close();
  }

  /** Whether a node serves no more than it lends: while it drains, no lease, and no executor waits for one. */
  isSettled({ id, drainMs, cores }: NodeRow): boolean {
    const reported = this.#reported.get(id);
    if (reported?.revision !== this.revision(id)) return false;
    return drainMs === null
      ? reported.workers <= cores
      : reported.workers === 0 && reported.executors === 0;
  }
}
