/** An SDK of OpenTelemetry that an app has registered, as far as rfaas uses its API. It keeps its spans. */

import type { Attributes, Context, OtelApi, Span } from "../../../runtime/tracing/otel_api.ts";
import type { TraceContext } from "../../../runtime/tracing/trace_context.ts";

const GLOBAL = Symbol.for("opentelemetry.js.api.1");
const registry = globalThis as { [GLOBAL]?: OtelApi };

/** A span as the SDK keeps it. */
export class TestSpan implements Span {
  readonly name: string;
  readonly attributes: Attributes = {};
  /** 2 for an error. */
  status = 0;
  /** How often it was ended. */
  ends = 0;
  readonly #context: TraceContext;

  constructor(name: string, context: TraceContext) {
    this.name = name;
    this.#context = context;
  }

  spanContext(): TraceContext {
    return this.#context;
  }

  setAttributes(attributes: Attributes): void {
    Object.assign(this.attributes, attributes);
  }

  setStatus({ code }: { code: number }): void {
    this.status = code;
  }

  end(): void {
    this.ends++;
  }
}

/** Registered until it is disposed. */
export class TestSdk implements Disposable {
  readonly spans: TestSpan[] = [];

  /** @param ids returns the context of the next span. */
  constructor(ids: () => TraceContext) {
    const root = contextOf(new Map());
    registry[GLOBAL] = {
      trace: {
        getTracer: () => ({
          startSpan: (name) => {
            const span = new TestSpan(name, ids());
            this.spans.push(span);
            return span;
          },
        }),
      },
      context: { active: () => root, with: (_, run) => run() },
    };
  }

  named(name: string): TestSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  [Symbol.dispose](): void {
    delete registry[GLOBAL];
  }
}

function contextOf(values: ReadonlyMap<symbol, unknown>): Context {
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextOf(new Map([...values, [key, value]])),
    deleteValue: (key) => contextOf(new Map([...values].filter(([each]) => each !== key))),
  };
}
