/** What stands for an OpenTelemetry collector: it receives OTLP over HTTP as JSON, and keeps the spans. */

import { until } from "../waiting.ts";

/** A span as it was received. */
export interface ReceivedSpan {
  /** The value of OTEL_SERVICE_NAME in its process. */
  readonly service: string;
  /** The instrumentation: `rfaas`, `deno`, or that of an app. */
  readonly scope: string;
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  /** The id of its parent; empty for the first span of a trace. */
  readonly parent: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Record<string, unknown>;
  /** 2 for an error. */
  readonly status: number;
}

/** A histogram as it was received. */
export interface ReceivedHistogram {
  readonly name: string;
  readonly unit: string;
  readonly bounds: readonly number[];
  readonly points: readonly {
    readonly count: number;
    readonly sum: number;
    readonly attributes: Record<string, unknown>;
  }[];
}

/** Collects what processes send that were started with its {@linkcode Collector.environment}. */
export class Collector implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly histograms: ReceivedHistogram[] = [];
  /** Everything as text. */
  text = "";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const text = await request.text();
        this.text += text;
        this.#keep(JSON.parse(text));
        return Response.json({});
      },
    );
  }

  /** The variables of a process that sends its traces here. */
  environment(service: string): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_SERVICE_NAME: service,
      OTEL_BSP_SCHEDULE_DELAY: "50",
    };
  }

  /** The spans of rfaas, of one service or of all. */
  named(name: string, service?: string): ReceivedSpan[] {
    return this.spans.filter((span) =>
      span.scope === "rfaas" && span.name === name &&
      (service === undefined || span.service === service)
    );
  }

  /** Waits until a span has arrived. */
  async next(name: string, holds: (span: ReceivedSpan) => boolean = () => true) {
    const found = () => this.named(name).find(holds);
    await until(() => found() !== undefined, () => `a span ${name} has arrived`, 20_000);
    return found()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #keep({ resourceSpans = [], resourceMetrics = [] }: Received): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = `${attributesOf(resource.attributes)["service.name"]}`;
      for (const { scope, spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            service,
            scope: scope.name,
            name: span.name,
            trace: span.traceId,
            id: span.spanId,
            parent: span.parentSpanId ?? "",
            startNs: BigInt(span.startTimeUnixNano),
            endNs: BigInt(span.endTimeUnixNano),
            attributes: attributesOf(span.attributes),
            status: span.status?.code ?? 0,
          });
        }
      }
    }
    for (const { scopeMetrics } of resourceMetrics) {
      for (const { name, unit = "", histogram } of scopeMetrics.flatMap(({ metrics }) => metrics)) {
        if (histogram === undefined) continue;
        this.histograms.push({
          name,
          unit,
          bounds: histogram.dataPoints[0]?.explicitBounds ?? [],
          points: histogram.dataPoints.map(({ count, sum, attributes }) => ({
            count: Number(count),
            sum,
            attributes: attributesOf(attributes),
          })),
        });
      }
    }
  }
}

type Values = readonly { key: string; value: Record<string, unknown> }[];

interface Received {
  resourceSpans?: readonly {
    resource: { attributes: Values };
    scopeSpans: readonly {
      scope: { name: string };
      spans: readonly {
        name: string;
        traceId: string;
        spanId: string;
        parentSpanId?: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: Values;
        status?: { code?: number };
      }[];
    }[];
  }[];
  resourceMetrics?: readonly {
    scopeMetrics: readonly {
      metrics: readonly {
        name: string;
        unit?: string;
        histogram?: {
          dataPoints: readonly {
            count: string;
            sum: number;
            explicitBounds: readonly number[];
            attributes: Values;
          }[];
        };
      }[];
    }[];
  }[];
}

function attributesOf(values: Values = []): Record<string, unknown> {
  return Object.fromEntries(values.map(({ key, value }) => [key, valueOf(value)]));
}

/** A value of the protocol's JSON: `{ stringValue: … }`, and integers as text. */
function valueOf(value: Record<string, unknown>): unknown {
  if ("intValue" in value) return Number(value["intValue"]);
  if ("arrayValue" in value) {
    const { values } = value["arrayValue"] as { values: Record<string, unknown>[] };
    return values.map(valueOf);
  }
  return Object.values(value)[0];
}
