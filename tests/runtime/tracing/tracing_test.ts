/** Contexts of traces between processes. */

import { assertEquals, assertMatch } from "@std/assert";
import { formatTraceparent, parseTraceparent } from "../../../runtime/tracing/trace_context.ts";
import { inTrace, startSpan } from "../../../runtime/tracing/tracing.ts";

const MODULE = new URL("../../../runtime/tracing/tracing.ts", import.meta.url).href;
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

Deno.test("`parseTraceparent()` accepts the form of W3C Trace Context, and nothing else", async (t) => {
  const context = { traceId: TRACE, spanId: "b7ad6b7169203331", traceFlags: 1 };
  assertEquals(parseTraceparent(PARENT), context);
  assertEquals(formatTraceparent(context), PARENT);
  const wrong = [
    undefined,
    1,
    "",
    `${PARENT}-00`,
    `${PARENT}\n`,
    ` ${PARENT}`,
    `${PARENT}, ${PARENT}`,
    PARENT.toUpperCase(),
    PARENT.replace(/^00/, "ff"),
    PARENT.replace(/^00/, "0g"),
    PARENT.replace(/^00/, "01").replace(/01$/, "011"),
    PARENT.replace(TRACE, "0".repeat(32)),
    PARENT.replace("b7ad6b7169203331", "0".repeat(16)),
    "00-".padEnd(1 << 20, "a"),
  ];
  for (const text of wrong) {
    const name = JSON.stringify(text)?.slice(0, 70) ?? "undefined";
    await t.step(name, () => assertEquals(parseTraceparent(text), undefined));
  }
});

Deno.test("`parseTraceparent()` reads of a later version what version 00 has", () => {
  const context = { traceId: TRACE, spanId: "b7ad6b7169203331", traceFlags: 1 };
  for (const text of [`01${PARENT.slice(2)}`, `cc${PARENT.slice(2, -2)}ff-a-field`]) {
    assertEquals(parseTraceparent(text), context, text);
  }
});

Deno.test("`inTrace()` gives the header of the trace where nothing is recorded", () => {
  assertEquals(startSpan("none"), undefined);
  assertEquals(inTrace(PARENT, (headers) => headers), { traceparent: PARENT });
  assertEquals(inTrace(undefined, (headers) => headers), {});
  assertEquals(inTrace("00-nonsense", (headers) => headers), {});
});

Deno.test("`inTrace()` gives the header of the active span of another SDK, if its ids are valid", async (t) => {
  const api = Symbol.for("opentelemetry.js.api.1");
  const holder = globalThis as unknown as Record<symbol, unknown>;
  const values = new Map<symbol, unknown>();
  const context = {
    getValue: (key: symbol) => values.get(key),
    deleteValue: () => context,
    setValue: (key: symbol, value: unknown) => (values.set(key, value), context),
  };
  holder[api] = {
    trace: {},
    context: { active: () => context, with: (_: unknown, run: () => unknown) => run() },
  };
  const valid = { traceId: TRACE, spanId: "b7ad6b7169203331", traceFlags: 1 };
  const cases: Record<string, [ids: object, headers: Record<string, string>]> = {
    valid: [{}, { traceparent: PARENT }],
    "of zeros": [{ spanId: "0".repeat(16) }, {}],
    "that end a header": [{ traceId: `${TRACE}\r\n` }, {}],
  };
  try {
    for (const [name, [ids, headers]] of Object.entries(cases)) {
      await t.step(`ids ${name}`, () => {
        const spanContext = () => ({ ...valid, ...ids });
        values.set(Symbol.for("OpenTelemetry Context Key SPAN"), { spanContext });
        assertEquals(inTrace(undefined, (headers) => headers), headers);
      });
    }
  } finally {
    delete holder[api];
  }
});

Deno.test("a request in a trace of Deno has one `traceparent`, no baggage, and leaves no span active", async () => {
  const received: Record<string, string>[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    received.push(Object.fromEntries(request.headers));
    return new Response();
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const program = `
    import { activeTrace, inTrace } from "${MODULE}";
    const { context } = globalThis[Symbol.for("opentelemetry.js.api.1")];
    const send = (parent) => inTrace(parent, (headers) => fetch("${url}", { headers }));
    const baggage = { getAllEntries: () => [["secret", { value: "of the app" }]] };
    const root = context.active();
    await (await send("${PARENT}")).body?.cancel();
    console.log(activeTrace() === undefined);
    const active = root.setValue(Symbol.for("OpenTelemetry Baggage Key"), baggage);
    await context.with(active, async () => await (await send()).body?.cancel());
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--no-config", program],
    env: {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: url + "/collector",
      NO_COLOR: "1",
    },
    stdin: "null",
  }).output();
  await server.shutdown();
  const text = new TextDecoder();
  assertEquals(text.decode(stdout), "true\n", text.decode(stderr));
  const sent = received.filter((headers) => !("content-length" in headers));
  assertEquals(sent.length, 2);
  assertMatch(sent[0]!["traceparent"]!, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
  assertMatch(sent[1]!["traceparent"]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  for (const headers of sent) assertEquals(headers["baggage"], undefined);
});
