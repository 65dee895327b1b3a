/** Traces of an app and of both managers, as a collector receives them, compared with docs/observability.md. */

import { assert, assertEquals } from "@std/assert";
import { bundleModule } from "../../../runtime/package/bundle.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startRfaas } from "../../support/cluster/rfaas_command.ts";
import { Collector, type ReceivedSpan } from "../../support/tracing/collector.ts";
import type { TraceContext } from "../../../runtime/tracing/trace_context.ts";
import { descendants, startOf } from "../../support/processes/process_table.ts";
import { within } from "../../support/waiting.ts";

const APP = new URL("../../support/tracing/traced_app.ts", import.meta.url).pathname;
const FUNCTIONS = new URL("../../support/functions/traced_functions.ts", import.meta.url);
const PAGE = new URL("../../../docs/observability.md", import.meta.url);

/** What an app or manager is started with. */
interface Rfaas {
  readonly folder: string;
  readonly url: string;
  token(role: string): string;
}

/** What the app prints: each trace as the function saw it. */
interface Printed {
  readonly lease: string;
  readonly node: string;
  readonly first: string;
  readonly without: string;
  readonly within: { readonly work: TraceContext; readonly seen: readonly string[] };
  readonly notRecorded: string;
  readonly kept: readonly string[];
  readonly prepared: string;
}

/** The variables of traces that a process was started with. */
function tracingVariables(pid: number): string[] {
  return startOf(pid).variables.filter((each) => each.startsWith("OTEL_"));
}

/** Runs the app, and drains its node on the way. @param served Called while an executor serves the app. */
async function runApp(
  { folder, token, url }: Rfaas,
  collector: Collector,
  served: () => void,
): Promise<Printed> {
  const functions = `${folder}/functions.js`;
  await Deno.writeFile(functions, await bundleModule(FUNCTIONS));
  const app = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", APP, url, token("client"), functions],
    env: { ...collector.environment("app"), NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const lines = app.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await within(60_000, "the app's lease has recovered", lines.read());
  const printed: Printed = JSON.parse(value!);
  served();
  using operator = new ManagerClient({ url, token: token("operator") });
  const { nodes } = await operator.nodes();
  await operator.drainNode(nodes.find(({ name }) => name === printed.node)!.node, {
    graceMs: 60_000,
  });
  assertEquals((await within(60_000, "the app has ended", app.status)).code, 0);
  await lines.cancel();
  return printed;
}

/** The first tokens of a resource manager, by their role. */
async function tokensIn(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) { for (const each of await tokensIn(path)) found.set(...each); }
    const role = /^(\w+)\.token$/.exec(name)?.[1];
    if (role !== undefined) found.set(role, (await Deno.readTextFile(path)).trim());
  }
  return found;
}

/** The rows of the page's table of spans: the name, the services, the attributes. */
async function documented(): Promise<Map<string, { services: string[]; attributes: string[] }>> {
  const lines = (await Deno.readTextFile(PAGE)).split("\n");
  const rows = lines.slice(lines.findIndex((line) => line.startsWith("| span ")) + 2);
  const table = rows.slice(0, rows.findIndex((line) => !line.startsWith("|")));
  return new Map(table.map((row) => {
    const [name, services, attributes] = row.split("|").slice(1).map((cell) => cell.trim());
    const list = (cell: string | undefined) =>
      [...cell!.matchAll(/`([^`]+)`/g)].map(([, text]) => text!);
    return [name!.replaceAll("`", ""), { services: list(services), attributes: list(attributes) }];
  }));
}

/** The row of a span: requests have the method and the route as their name, calls that of the function. */
function rowOf({ name, attributes }: ReceivedSpan): string {
  if ("rpc.method" in attributes) return "FUNCTION";
  return /^[A-Z]+ \//.test(name) ? "METHOD ROUTE" : name;
}

Deno.test("a collector receives the spans of docs/observability.md from an app and from both managers, in one trace", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  await using collector = new Collector();
  await using running = new AsyncDisposableStack();
  running.defer(() => Deno.remove(folder, { recursive: true }));
  // It passes the variables of traces to both managers.
  const up = running.use(
    await startRfaas(["up", "--cores", "1", "--memory", "1GiB"], {
      ...collector.environment("up"),
      TMPDIR: folder,
    }),
  );
  const tokens = await tokensIn(folder);
  const it: Rfaas = { folder, url: up.ready.manager, token: (role) => tokens.get(role)! };
  const at = ["--manager", it.url, "--cores", "1", "--state", `${folder}/second`];
  const second = running.use(
    await startRfaas(
      ["executor-manager", "--name", "second", ...at],
      { ...collector.environment("executor-manager"), RFAAS_TOKEN: it.token("node") },
    ),
  );
  const executors = new Map<number, readonly string[]>();
  const printed = await runApp(it, collector, () => {
    assert(tracingVariables(second.pid).length > 0, "a manager has the variables");
    for (const pid of [up.pid, second.pid].flatMap(descendants)) {
      if (!startOf(pid).words.some((word) => word.endsWith("/main.js"))) continue;
      executors.set(pid, tracingVariables(pid));
    }
  });
  const hostile = "00-".padEnd(4000, "a");
  for (const traceparent of [hostile, `00-${"0".repeat(32)}-${"a".repeat(16)}-01`]) {
    const response = await fetch(`${it.url}/v1/leases`, {
      headers: {
        authorization: `Bearer ${it.token("client")}`,
        traceparent,
        baggage: "name=mallory",
      },
    });
    assertEquals(response.status, 200);
    await response.body?.cancel();
  }
  // The last spans are sent before a process ends.
  await second.end("SIGTERM");
  await up.end("SIGTERM");
  // The app uses the same instrumentation for its own work.
  const spans = collector.spans.filter(({ scope, name }) => scope === "rfaas" && name !== "work");
  const start = collector.named("rfaas.lease", "app")[0]!;
  const inTrace = spans.filter(({ trace }) => trace === start.trace);
  const byId = new Map(collector.spans.map((span) => [span.id, span]));

  await t.step("just the spans and attributes that the page lists", async () => {
    const received = new Map<string, { services: Set<string>; attributes: Set<string> }>();
    for (const span of spans) {
      const name = rowOf(span);
      const row = received.get(name) ?? { services: new Set(), attributes: new Set() };
      row.services.add(span.service);
      for (const key of Object.keys(span.attributes)) {
        // Any request may be refused at a busy moment.
        if (key !== "error.type") row.attributes.add(key);
      }
      received.set(name, row);
    }
    const sorted = (
      table: Iterable<[string, { services: Iterable<string>; attributes: Iterable<string> }]>,
    ) =>
      [...table].map(([name, { services, attributes }]) =>
        `${name} | ${[...services].sort()} | ${[...attributes].sort()}`
      ).sort();
    assertEquals(sorted(received), sorted(await documented()));
  });

  await t.step("the steps of the start follow each other, within the lease's span", () => {
    const steps = ["package", "grant", "reach", "admit", "boot", "start", "attach"].map((step) =>
      collector.named(`rfaas.lease.${step}`)[0]!
    );
    for (const [at, step] of steps.entries()) {
      assertEquals(step.parent, start.id);
      assert(step.startNs >= start.startNs && step.endNs <= start.endNs, step.name);
      // Deno keeps times as floating-point milliseconds.
      if (at > 0) assert(Math.abs(Number(step.startNs - steps[at - 1]!.endNs)) < 1e4, step.name);
    }
    assertEquals(start.attributes["rfaas.lease.id"], printed.lease);
  });

  await t.step("what the managers do for the lease is part of its trace", () => {
    for (const name of ["rfaas.manager.wait", "rfaas.manager.commit", "rfaas.node.admit"]) {
      const [span] = inTrace.filter((each) => each.name === name);
      assert(span !== undefined, name);
      let above: ReceivedSpan | undefined = span;
      while (above !== undefined && above.service !== "app") above = byId.get(above.parent);
      assertEquals(above?.service, "app", name);
    }
    const claim = inTrace.find(({ name }) => name === "PUT /v1/nodes/:node/leases/:lease");
    assertEquals(byId.get(claim!.parent)?.service, "executor-manager");
  });

  await t.step("the move and the recovery are part of it, and their requests", () => {
    assertEquals(inTrace.filter(({ name }) => name === "rfaas.recover").length, 1);
    assertEquals(inTrace.filter(({ name }) => name === "rfaas.move").length, 1);
    // A claim on a busy host may be repeated.
    assert(inTrace.filter(({ name }) => name === "rfaas.node.admit").length >= 2);
  });

  await t.step("a call carries the trace of its caller to the function, or none", () => {
    const call = (at: number, name: string) =>
      spans.filter((span) => rowOf(span) === "FUNCTION" && span.name === name)[at]!;
    const shownAs = ({ trace, id }: ReceivedSpan) => `00-${trace}-${id}-01`;
    const [first, second] = [call(0, "traced"), call(1, "traced")];
    assertEquals(printed.first, shownAs(first));
    assertEquals([first.parent, first.attributes["rfaas.first_call"]], [start.id, true]);
    assertEquals(printed.without, "none");
    const { work, seen } = printed.within;
    const later = call(0, "tracedLater");
    const stream = call(0, "tracedChunks");
    assertEquals(seen, [second, later, stream, stream].map(shownAs));
    for (const each of [second, later, stream, call(0, "fail")]) {
      assertEquals([each.trace, each.parent], [work.traceId, work.spanId], each.name);
    }
    assertEquals(call(0, "fail").status, 2);
    assertEquals(call(0, "fail").attributes["error.type"], "FunctionError");
    // What is kept of a call shows nothing of the next one in its slot.
    assertEquals([printed.notRecorded, ...printed.kept, printed.prepared], [
      "none",
      "first",
      "none",
      "none",
    ]);
    assertEquals(call(2, "traced"), undefined);
  });

  await t.step("the durations of calls are a histogram in seconds", () => {
    const { unit, bounds, points } = collector.histograms.findLast(({ name }) =>
      name === "rpc.client.call.duration"
    )!;
    assertEquals([unit, bounds[0], bounds.at(-1)], ["s", 1e-7, 10]);
    const counts = points.map((
      { count, attributes },
    ) => [attributes["rpc.method"], count, attributes["error.type"]]);
    assertEquals(counts.sort(), [
      ["fail", 1, "FunctionError"],
      ["traced", 2, undefined],
      ["tracedBefore", 2, undefined],
      ["tracedChunks", 1, undefined],
      ["tracedLater", 1, undefined],
    ]);
  });

  await t.step("what a network sends is checked, and its baggage is dropped", () => {
    const lists = spans.filter(({ name, parent }) => name === "GET /v1/leases" && parent === "");
    assertEquals(lists.length, 2);
    assert(!collector.text.includes("mallory"));
  });

  await t.step("no executor has a variable of traces", () => {
    assert(executors.size > 0);
    for (const [pid, variables] of executors) assertEquals(variables, [], `executor ${pid}`);
  });

  await t.step("executors send nothing, and no secret is sent", () => {
    const services = new Set(collector.spans.map(({ service }) => service));
    assertEquals([...services].sort(), ["app", "executor-manager", "resource-manager", "up"]);
    assertEquals(tokens.size, 3);
    for (const [role, token] of tokens) {
      assert(!collector.text.includes(token), `no token of a ${role}`);
    }
  });
});
