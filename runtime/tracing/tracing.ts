/** Spans of rfaas. Where no traces are recorded, each function costs one look at a global. */

import {
  type Attributes,
  type Context,
  isOfDeno,
  otelApi,
  type Span,
  type SpanKind,
} from "./otel_api.ts";
import { formatTraceparent, parseTraceparent, type TraceContext } from "./trace_context.ts";

/** The name of the instrumentation. */
const SCOPE = "rfaas";
/** Keys of the API. */
const SPAN = Symbol.for("OpenTelemetry Context Key SPAN");
const BAGGAGE = Symbol.for("OpenTelemetry Baggage Key");
const STATUS_ERROR = 2;
/** A function may throw a text of any length. */
const MAX_MESSAGE_CHARACTERS = 300;

export interface SpanOptions {
  /** The span that it is part of. @default {the active one} */
  readonly parent?: TraceContext | undefined;
  /** @default {SpanKind.INTERNAL} */
  readonly kind?: SpanKind;
  /** On this thread's monotonic clock. @default {now} */
  readonly startMs?: number;
  readonly attributes?: Attributes;
}

/** @returns undefined if no traces are recorded. {@linkcode endSpan} ends it. */
export function startSpan(
  name: string,
  { parent, startMs, ...options }: SpanOptions = {},
): Span | undefined {
  const api = otelApi();
  if (api === undefined) return undefined;
  const active = api.context.active();
  const startTime = startMs === undefined ? {} : { startTime: epochMs(startMs) };
  return api.trace.getTracer(SCOPE).startSpan(
    name,
    { ...options, ...startTime },
    parent === undefined ? active : partOf(active, parent),
  );
}

/**
 * @param failure why it failed, if it did: an error, or a code and a message.
 * @param endMs on this thread's monotonic clock. @default now
 * @returns the type of the failure: a code, a reason or the name of a class.
 */
export function endSpan(
  span: Span | undefined,
  failure?: unknown,
  endMs?: number,
): string | undefined {
  if (span === undefined) return undefined;
  const type = failure === undefined ? undefined : failureType(failure);
  if (type !== undefined) {
    span.setAttributes({ "error.type": type });
    const { message } = Object(failure) as { message?: unknown };
    const text = typeof message === "string" ? message.slice(0, MAX_MESSAGE_CHARACTERS) : "";
    span.setStatus({ code: STATUS_ERROR, message: text });
  }
  span.end(endMs === undefined ? undefined : epochMs(endMs));
  return type;
}

/** Runs something as a span, which is the active one meanwhile. */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  run: (span: Span | undefined) => T | Promise<T>,
): Promise<T> {
  const span = startSpan(name, options);
  if (span === undefined) return await run(undefined);
  let failure: unknown;
  try {
    const { context } = otelApi()!;
    return await context.with(context.active().setValue(SPAN, span), () => run(span));
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    endSpan(span, failure);
  }
}

/** The active span; undefined if there is none, or no traces are recorded. */
export function activeTrace(): TraceContext | undefined {
  const span = otelApi()?.context.active().getValue(SPAN) as Span | undefined;
  return span?.spanContext();
}

/** @returns undefined if its ids are not valid: they come from the SDK that the app has registered. */
export function contextOf(span: Span): TraceContext | undefined {
  return parseTraceparent(formatTraceparent(span.spanContext()));
}

/** Makes a function run in the context of this call, from wherever it is called. */
export function inThisContext<A extends unknown[], R>(run: (...args: A) => R): (...args: A) => R {
  const context = otelApi()?.context;
  const active = context?.active();
  if (context === undefined || active === undefined) return run;
  return (...args) => context.with(active, () => run(...args));
}

/**
 * Sends a request as part of a trace. Baggage of the app is not sent: it may be anything.
 *
 * @param traceparent the trace, as the header has it. @default the active one
 * @param send sends the request with these headers. Deno adds its own where it traces.
 */
export function inTrace<T>(
  traceparent: string | undefined,
  send: (headers: Record<string, string>) => T,
): T {
  const parent = parseTraceparent(traceparent);
  const api = otelApi();
  if (api === undefined) return send(parent === undefined ? {} : header(parent));
  const active = api.context.active().deleteValue(BAGGAGE);
  const context = parent === undefined ? active : partOf(active, parent);
  const span = context.getValue(SPAN) as Span | undefined;
  const trace = span && contextOf(span);
  const headers = trace === undefined || isOfDeno(api) ? {} : header(trace);
  // Without a context Deno 2.9.6 leaves the span of `fetch()` active after it.
  return api.context.with(context, () => send(headers));
}

function header(trace: TraceContext): Record<string, string> {
  return { traceparent: formatTraceparent(trace) };
}

/** The context in which a span of another thread or process is active. */
function partOf(context: Context, parent: TraceContext): Context {
  const spanContext = () => ({ ...parent, isRemote: true });
  return context.setValue(SPAN, { spanContext, isRecording: () => false });
}

function failureType(failure: unknown): string {
  const { code, reason, name } = Object(failure) as Record<string, unknown>;
  const type = [code, reason, name].find((each) => typeof each === "string" && each !== "");
  return String(type ?? "error");
}

/** A time of the monotonic clock, in milliseconds since 1970. */
function epochMs(ms: number): number {
  return performance.timeOrigin + ms;
}
