/**
 * The API of OpenTelemetry as far as rfaas uses it: the global that Deno sets with `OTEL_DENO=true`, and that any SDK
 * sets which an app registers (`@opentelemetry/api`, version 1). No package is needed for it.
 */

import type { TraceContext } from "./trace_context.ts";

/** What a span or a measurement is described with. */
export type Attributes = Record<string, string | number | boolean | readonly string[]>;

/** Values of the API's enumeration. */
export const SpanKind = { INTERNAL: 0, SERVER: 1, CLIENT: 2 } as const;
export type SpanKind = typeof SpanKind[keyof typeof SpanKind];

export interface Span {
  spanContext(): TraceContext;
  setAttributes(attributes: Attributes): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  /** @param endTime milliseconds since 1970. @default {now} */
  end(endTime?: number): void;
}

export interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

export interface Tracer {
  startSpan(
    name: string,
    options: { kind?: SpanKind; startTime?: number; attributes?: Attributes },
    context: Context,
  ): Span;
}

export interface ContextManager {
  active(): Context;
  with<T>(context: Context, run: () => T): T;
}

export interface Histogram {
  record(value: number, attributes: Attributes): void;
}

export interface Meter {
  createHistogram(
    name: string,
    options: {
      readonly description: string;
      readonly unit: string;
      readonly advice: { readonly explicitBucketBoundaries: number[] };
    },
  ): Histogram;
}

/** The global, where traces are recorded. */
export interface OtelApi {
  readonly trace: { getTracer(name: string): Tracer };
  readonly context: ContextManager;
  readonly metrics?: { getMeter(name: string): Meter };
}

const GLOBAL = Symbol.for("opentelemetry.js.api.1");

/** @returns undefined if this process records no traces. */
export function otelApi(): OtelApi | undefined {
  const api = (globalThis as { [GLOBAL]?: Partial<OtelApi> })[GLOBAL];
  return api?.trace === undefined || api.context === undefined ? undefined : api as OtelApi;
}

/** Whether Deno itself traces: it then adds the header `traceparent` to each request of `fetch()`. */
export function isOfDeno({ context }: OtelApi): boolean {
  const { telemetry } = Deno as { telemetry?: { contextManager?: unknown } };
  return telemetry?.contextManager === context;
}
