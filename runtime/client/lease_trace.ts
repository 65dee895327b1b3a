/** The spans of a lease on the calling thread: its start, moves of its parts, recoveries of its workers. */

import type { LeaseStartup } from "../keeper/lease_startup.ts";
import type { EndReason } from "../protocol/end_reason.ts";
import type { Attributes, Span } from "../tracing/otel_api.ts";
import { formatTraceparent, type TraceContext } from "../tracing/trace_context.ts";
import { contextOf, endSpan, startSpan } from "../tracing/tracing.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import type { LeasePart } from "./lease_part.ts";

/** The steps of a start in their order, with the names of their spans. */
const STEPS = [
  ["package", "packageMs"],
  ["grant", "grantMs"],
  ["reach", "reachMs"],
  ["admit", "admitMs"],
  ["boot", "bootMs"],
  ["start", "startMs"],
  ["attach", "attachMs"],
] as const;

export class LeaseTrace {
  /** The span of the start, of which everything else of the lease is part; undefined if its ids are not valid. */
  readonly context: TraceContext | undefined;
  /** The lease's id, once it is granted. */
  id = "";
  readonly #start: Span;
  /** Moves that are in progress, by the number of the part. */
  readonly #moves = new Map<number, Span | undefined>();
  /** Recoveries that are in progress, by part and worker. */
  readonly #recoveries = new Map<string, Span | undefined>();

  private constructor(start: Span) {
    this.#start = start;
    this.context = contextOf(start);
  }

  /** @returns undefined if no traces are recorded. */
  static begin(
    { workerIndexes, memoryBytes, waitMs }: CheckedLeaseOptions,
  ): LeaseTrace | undefined {
    const start = startSpan("rfaas.lease", {
      attributes: {
        "rfaas.workers": workerIndexes.length,
        "rfaas.memory_bytes": memoryBytes,
        "rfaas.wait_ms": waitMs,
      },
    });
    return start === undefined ? undefined : new LeaseTrace(start);
  }

  /** The trace, for the keeper and the managers. */
  get traceparent(): string | undefined {
    return this.context && formatTraceparent(this.context);
  }

  /** All workers are attached. @param beganMs when the package was read, on this thread's monotonic clock. */
  began(
    startup: LeaseStartup,
    { id, nodes }: { id: string; nodes: readonly string[] },
    beganMs: number,
  ): void {
    this.id = id;
    let atMs = beganMs;
    for (const [name, field] of STEPS) {
      const span = this.#part(`rfaas.lease.${name}`, {}, atMs);
      atMs += startup[field];
      endSpan(span, undefined, atMs);
    }
    this.#start.setAttributes({
      "rfaas.lease.id": id,
      "rfaas.nodes": nodes,
      "rfaas.start": startup.start,
    });
    endSpan(this.#start, undefined, atMs);
  }

  failed(error: unknown): void {
    endSpan(this.#start, error);
  }

  /** A part's node drains or is lost. @param reason the code of the cause. */
  partLeaving({ number, id, node }: LeasePart, reason: string): void {
    if (this.#moves.has(number)) return;
    const attributes = { "rfaas.lease.id": id, "rfaas.node": node, "rfaas.reason": reason };
    this.#moves.set(number, this.#part("rfaas.move", attributes));
  }

  /** @param isPartial whether a worker of the new parts could not be attached. */
  moved(old: LeasePart, fresh: readonly LeasePart[], isPartial: boolean): void {
    const span = this.#moves.get(old.number);
    span?.setAttributes({ "rfaas.nodes": fresh.map(({ node }) => node) });
    this.#endMove(old, isPartial ? { code: "not-attached" } : undefined);
  }

  shrunk(part: LeasePart, reason: EndReason): void {
    this.#endMove(part, reason);
  }

  executorLost({ number, id, node }: LeasePart, worker: number, { code }: EndReason): void {
    const key = `${number}/${worker}`;
    if (this.#recoveries.has(key)) return;
    const attributes = {
      "rfaas.lease.id": id,
      "rfaas.node": node,
      "rfaas.worker": worker,
      "rfaas.reason": code,
    };
    this.#recoveries.set(key, this.#part("rfaas.recover", attributes));
  }

  recovered({ number }: LeasePart, worker: number): void {
    const key = `${number}/${worker}`;
    endSpan(this.#recoveries.get(key));
    this.#recoveries.delete(key);
  }

  /** The lease has ended. */
  ended(reason: EndReason): void {
    for (const span of [...this.#moves.values(), ...this.#recoveries.values()]) {
      endSpan(span, reason);
    }
    this.#moves.clear();
    this.#recoveries.clear();
  }

  #endMove({ number }: LeasePart, failure: unknown): void {
    endSpan(this.#moves.get(number), failure);
    this.#moves.delete(number);
    // What ended with the part does not recover.
    for (const [key, span] of this.#recoveries) {
      if (!key.startsWith(`${number}/`)) continue;
      endSpan(span);
      this.#recoveries.delete(key);
    }
  }

  #part(name: string, attributes: Attributes, startMs?: number): Span | undefined {
    const at = startMs === undefined ? {} : { startMs };
    return startSpan(name, { parent: this.context, attributes, ...at });
  }
}
