/** The spans of a lease's calls. A lease has these only where traces are recorded. */

import { readStream, type StreamTask } from "../call/stream_task.ts";
import type { WaitingCall } from "../call/waiting_call.ts";
import {
  type Attributes,
  type Histogram,
  otelApi,
  type Span,
  SpanKind,
} from "../tracing/otel_api.ts";
import type { TraceContext } from "../tracing/trace_context.ts";
import { activeTrace, contextOf, endSpan, startSpan } from "../tracing/tracing.ts";
import type { TracedCall, TracedCalls, TraceHost } from "./traced_calls.ts";
import type { LeaseTrace } from "./lease_trace.ts";

/** Bit 0 of a trace's flags: it is recorded. */
const SAMPLED = 1;
/** In steps of 1, 2.5 and 5, from 0.1 µs to 10 s. */
const BOUNDS_SECONDS = [-7, -6, -5, -4, -3, -2, -1, 0].flatMap((exponent) =>
  [1, 2.5, 5].map((step) => Number(`${step}e${exponent}`))
);

/** In place of the reason of a signal that has none. */
const NO_REASON = { code: "aborted", message: "" };

/** @returns undefined if this process records no metrics of OpenTelemetry. */
export function openCallDurations(): Histogram | undefined {
  return otelApi()?.metrics?.getMeter("rfaas").createHistogram("rpc.client.call.duration", {
    description: "Duration of calls that are traced",
    unit: "s",
    advice: { explicitBucketBoundaries: [...BOUNDS_SECONDS, 10] },
  });
}

export class CallTraces implements TracedCalls {
  readonly #lease: LeaseTrace;
  readonly #rate: number;
  readonly #durations: Histogram | undefined;
  #isFirst = true;

  /**
   * @param rate the share of calls outside of a trace that begin one, 0 to 1.
   * @param durations where the duration of each traced call is recorded.
   */
  constructor(lease: LeaseTrace, rate: number, durations: Histogram | undefined) {
    this.#lease = lease;
    this.#rate = rate;
    this.#durations = durations;
  }

  begin(host: TraceHost, task: WaitingCall): CallSpan | undefined {
    const span = this.#startSpan(task.name);
    if (span === undefined) return undefined;
    task.trace = contextOf(span);
    return new CallSpan(host, task, span, this.#durations);
  }

  async *stream(
    host: TraceHost,
    open: () => StreamTask,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    let span: CallSpan | undefined;
    let failure: unknown;
    try {
      yield* readStream(() => {
        const task = open();
        span = this.begin(host, task);
        return task;
      });
    } catch (error) {
      failure = error ?? NO_REASON;
      throw error;
    } finally {
      span?.end(failure);
    }
  }

  /** The span of a call, if it has one: the first call, calls in a trace that is recorded, and a share of others. */
  #startSpan(name: string): Span | undefined {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const active = activeTrace();
    if (active === undefined ? !isFirst && Math.random() >= this.#rate : !isSampled(active)) {
      return undefined;
    }
    return startSpan(name, {
      kind: SpanKind.CLIENT,
      ...(active === undefined && isFirst ? { parent: this.#lease.context } : {}),
      attributes: {
        ...methodOf(name),
        "rfaas.lease.id": this.#lease.id,
        "rfaas.first_call": isFirst,
      },
    });
  }
}

/** The span of one call. */
class CallSpan implements TracedCall {
  readonly #host: TraceHost;
  readonly #task: WaitingCall;
  readonly #span: Span;
  readonly #durations: Histogram | undefined;
  readonly #startMs = performance.now();

  constructor(
    host: TraceHost,
    task: WaitingCall,
    span: Span,
    durations: Histogram | undefined,
  ) {
    this.#host = host;
    this.#task = task;
    this.#span = span;
    this.#durations = durations;
  }

  async during<T>(result: Promise<T>): Promise<T> {
    let failure: unknown;
    try {
      return await result;
    } catch (error) {
      failure = error ?? NO_REASON;
      throw error;
    } finally {
      this.end(failure);
    }
  }

  end(failure: unknown): void {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const { name, attempts, session } = this.#task;
    this.#span.setAttributes({ "rfaas.attempts": attempts });
    if (session !== undefined) {
      this.#span.setAttributes({
        "rfaas.node": this.#host.nodeOf(session),
        "rfaas.worker": session.worker,
      });
    }
    const type = endSpan(this.#span, failure);
    const error: Attributes = type === undefined ? {} : { "error.type": type };
    this.#durations?.record(seconds, { ...methodOf(name), ...error });
  }
}

function methodOf(name: string): Attributes {
  return { "rpc.system.name": "rfaas", "rpc.method": name };
}

function isSampled({ traceFlags }: TraceContext): boolean {
  return (traceFlags & SAMPLED) !== 0;
}
