/** The description of the HTTP interface, compared with the routes and with their responses. */
// deno-lint-ignore-file no-import-prefix -- only this test validates descriptions
import { assert, assertEquals } from "@std/assert";
import { Validator } from "npm:@seriousme/openapi-schema-validator@2.11.0";
import { Ajv2020 } from "npm:ajv@8.20.0/dist/2020.js";
import { describeApi } from "../../../../manager/resource/http/openapi.ts";
import { createRouter, type RouterOptions } from "../../../../manager/resource/http/router.ts";
import { TestManager } from "../../../support/manager/test_manager.ts";
import { until } from "../../../support/waiting.ts";

type Json = Record<string, unknown>;

interface Described {
  readonly security: unknown[];
  readonly description?: string;
  readonly parameters?: { name: string; in: string; schema: Json }[];
  readonly requestBody?: { content: Record<string, { schema: Json }> };
  readonly responses: Record<string, { content?: Record<string, { schema: Json }> } | undefined>;
}

const roles = ["operator", "node", "client"] as const;
const errorSchema = (describeApi("0") as { components: { schemas: { Error: Json } } })
  .components.schemas.Error;

/** The operations of the description that a running manager serves, by method and path. */
async function served(test: TestManager): Promise<Map<string, Described>> {
  const response = await fetch(`${test.url}/v1/openapi.json`);
  assertEquals(response.headers.get("content-type"), "application/json");
  const { paths } = await response.json() as { paths: Record<string, Record<string, Described>> };
  return new Map(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) =>
        [`${method.toUpperCase()} ${path}`, operation] as const
      )
    ),
  );
}

/** The described query of a route. */
function queryOf(operations: Map<string, Described>, route: string): [string, Json][] {
  const parameters = operations.get(route)!.parameters ?? [];
  return parameters.filter((each) => each.in === "query").map(({ name, schema }) => [name, schema]);
}

/** Makes a schema refuse undescribed fields. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, closed(value)]),
  );
  const isObject = inner.type === "object" && inner.additionalProperties === undefined;
  return isObject ? { ...inner, additionalProperties: false } : inner;
}

function assertMatches(schema: Json, value: unknown, what: string): void {
  const ajv = new Ajv2020({ allErrors: true });
  assert(
    ajv.validate(schema, value),
    `${what}: ${ajv.errorsText()} in ${JSON.stringify(value)?.slice(0, 300)}`,
  );
}

/** Sends a request and checks the response against the description. */
async function send(
  test: TestManager,
  operations: Map<string, Described>,
  as: typeof roles[number] | undefined,
  route: string,
  body?: unknown,
  ids: Record<string, string> = {},
  query: Record<string, string> = {},
): Promise<{ status: number; json: Json }> {
  const [method, template] = route.split(" ") as [string, string];
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name) => ids[name] ?? "0".repeat(32));
  const response = await fetch(`${test.url}${path}?${new URLSearchParams(query)}`, {
    method,
    headers: as === undefined ? {} : { authorization: `Bearer ${test.token(as)}` },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  const what = `${route} as ${as}: ${response.status} ${text.slice(0, 200)}`;
  const described = operations.get(route)!.responses[response.status];
  if (described === undefined) throw new Error(`The description lacks ${what}`);
  const json = text === "" ? undefined : JSON.parse(text);
  if (response.status >= 400) {
    assertMatches(errorSchema, json, what);
    const codes = JSON.stringify(described);
    assert(codes.includes(`\`${json.error.code}\``), `${what}: its code is not described`);
  } else {
    const schema = described.content?.["application/json"]?.schema;
    assertEquals(schema === undefined, json === undefined, what);
    // The description does not describe all its own fields.
    const exact = route === "GET /v1/openapi.json" ? schema : closed(schema) as Json;
    if (exact) assertMatches(exact, json, what);
  }
  return { status: response.status, json };
}

Deno.test("the description is OpenAPI 3.1", async () => {
  const result = await new Validator().validate(describeApi("1.2.3"));
  assert(result.valid, JSON.stringify(result.errors));
});

Deno.test("each route is described, and each description has a route", async () => {
  await using test = await TestManager.start();
  const routed = createRouter({ version: "0" } as RouterOptions).routes
    .filter(({ method, path }) => method !== "ALL" && !/^\/ui\b/.test(path)) // pages are no interface
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`);
  const described = [...(await served(test)).keys()];
  assertEquals([...new Set(routed)].sort(), described.sort());
});

Deno.test("each route accepts exactly the described roles", async () => {
  await using test = await TestManager.start();
  const operations = await served(test);
  for (const [route, { security, description = "" }] of operations) {
    const allowed = security.length === 0
      ? undefined
      : /^Roles: (.*)\.$/.exec(description)![1]!.split(", ");
    const anonymous = await send(test, operations, undefined, route);
    assertEquals(anonymous.status === 401, allowed !== undefined, route);
    for (const role of roles) {
      const { status } = await send(test, operations, role, route);
      const isIn = allowed === undefined || allowed.includes(role);
      assertEquals(status !== 403, isIn, `${route} as ${role}: ${status}`);
    }
  }
});

/** Each described query field takes effect, and is refused if malformed. Pages lead to each other. */
async function queryBills(test: TestManager, operations: Map<string, Described>, node: string) {
  const route = "GET /v1/bills";
  const { lease } = await test.client.takeLease({ workers: 1, memoryBytes: 1, termMs: 30_000 });
  await test.node.reportLease(node, lease, { epoch: 1, state: "claimed", workers: 1 });
  const fields = {
    workers: 1,
    memoryBytes: 1,
    sinceMs: 2,
    heldNs: "5",
    computeNs: "2",
    pollNs: "1",
  };
  const bills = [{ lease, epoch: 1, ...fields }];
  await test.node.heartbeat(node, { epoch: 1, leases: [], bills });
  const list = (query: Record<string, string>) =>
    send(test, operations, "operator", route, undefined, {}, query);
  const { json: first } = await list({ limit: "1" });
  const good: Record<string, string> = {
    client: "another",
    since: "999999999999999",
    limit: "1",
    after: first.next as string,
  };
  const described = queryOf(operations, route);
  assertEquals(described.map(([name]) => name).sort(), Object.keys(good).sort());
  for (const [name, schema] of described) {
    assertMatches(schema, good[name], `${name} in the query of ${route}`);
    const { status, json } = await list({ [name]: good[name]! });
    assertEquals(status, 200, name);
    assert((json.bills as Json[]).length < 2, `${name} has no effect`);
    const bad = "no such value";
    assert(!new Ajv2020().validate(schema, bad), `${name} accepts any text`);
    assertEquals((await list({ [name]: bad })).status, 400, name);
  }
  const { json: second } = await list({ after: good.after! });
  assertEquals([(second.bills as Json[]).length, second.next], [1, undefined]);
  await test.client.releaseLease(lease);
}

/** Each described query field takes effect, and is refused if malformed. */
async function queryEvents(test: TestManager, operations: Map<string, Described>, node: string) {
  const route = "GET /v1/events";
  const list = async (query: Record<string, string>) => {
    const { status, json } = await send(test, operations, "operator", route, undefined, {}, query);
    return { status, events: json.events as Json[], last: json.last as string };
  };
  const { events, last } = await list({});
  const good: Record<string, string> = {
    client: "another",
    since: "999999999999999",
    limit: "1",
    newest: "1",
    after: last,
    lease: "f".repeat(32),
    node,
  };
  const described = queryOf(operations, route);
  assertEquals(described.map(([name]) => name).sort(), [...Object.keys(good), "wait"].sort());
  for (const [name, schema] of described) {
    const value = good[name] ?? "1";
    assertMatches(schema, value, `${name} in the query of ${route}`);
    const found = await list({ [name]: value });
    assertEquals(found.status, 200, name);
    if (name !== "wait") {
      assert(found.events.length < events.length, `${name} has no effect`);
    }
    const bad = "no such value";
    assert(!new Ajv2020().validate(schema, bad), `${name} accepts any text`);
    assertEquals((await list({ [name]: bad })).status, 400, name);
  }
}

Deno.test("the bodies and responses of a real run match the description", async () => {
  await using test = await TestManager.start();
  const operations = await served(test);
  const met = new Set<string>();
  /** One success: the body matches the schema, and the route needs each required field. */
  const run = async (
    as: typeof roles[number] | undefined,
    route: string,
    body?: Json,
    ids: Record<string, string> = {},
  ): Promise<Json> => {
    const schema = operations.get(route)?.requestBody?.content["application/json"]?.schema;
    assertEquals(schema === undefined, body === undefined, `${route}: the body`);
    if (schema && body) {
      assertMatches(closed(schema) as Json, body, `${route}: the body`);
      for (const field of schema.required as string[]) {
        const { [field]: _, ...rest } = body;
        const { status } = await send(test, operations, as, route, rest, ids);
        assertEquals(status, 400, `${route} without ${field}`);
      }
    }
    const { status, json } = await send(test, operations, as, route, body, ids);
    assert(status < 300, `${route}: ${status} ${JSON.stringify(json)}`);
    met.add(route);
    return json;
  };

  await run(undefined, "GET /v1/health");
  await run(undefined, "GET /v1/openapi.json");
  const fields = { cores: 4, memoryBytes: 2 ** 30, addresses: ["shm:a"], bootId: "b" };
  const { node } = await run("node", "POST /v1/nodes", { name: "a", ...fields }) as {
    node: string;
  };
  const request = { workers: 1, memoryBytes: 2 ** 20, termMs: 30_000 };
  const granted = await run("client", "POST /v1/leases", request) as { lease: string };
  const ids = { node, lease: granted.lease };
  const report = { epoch: 1, state: "claimed", workers: 1, reason: "fine" };
  await run("node", "PUT /v1/nodes/{node}/leases/{lease}", report, ids);
  const leases = [{ lease: granted.lease, workers: 1 }];
  const ns = { heldNs: "5", computeNs: "2", pollNs: "1" };
  const bill = {
    lease: granted.lease,
    epoch: 1,
    workers: 1,
    memoryBytes: 2 ** 20,
    sinceMs: 1,
    ...ns,
  };
  await run("node", "POST /v1/nodes/{node}/heartbeat", { epoch: 1, leases, bills: [bill] }, ids);
  await run("node", "POST /v1/nodes/{node}/notifications", { epoch: 1 }, ids);
  await run("client", "GET /v1/bills");
  await queryBills(test, operations, node);
  await run("client", "GET /v1/events");
  await queryEvents(test, operations, node);
  await run("client", "GET /v1/nodes");
  await run("operator", "GET /v1/leases");
  const gone = new AbortController();
  const tooMany = { workers: 64, memoryBytes: 1, termMs: 60_000, waitMs: 60_000 };
  const waits = test.client.takeLease(tooMany, gone.signal).catch(() => {});
  const queue = async () => (await test.operator.queue()).waiting;
  await until(async () => (await queue()).some(({ reason }) => reason.nodes), () => "it waits");
  await run("operator", "GET /v1/queue");
  await run("operator", "GET /v1/lent");
  gone.abort();
  await waits;
  await run("client", "POST /v1/leases/{lease}/renew", { termMs: 60_000 }, ids);
  await run("client", "DELETE /v1/leases/{lease}/nodes/{node}", undefined, ids);
  await run("client", "DELETE /v1/leases/{lease}", undefined, ids);
  const quota = { workers: 1, memoryBytes: 0, leases: 1, termMs: 1_000, requestsPerSecond: 1 };
  await run("operator", "POST /v1/tokens", { role: "client", name: "ada", quota });
  await run("operator", "GET /v1/tokens");
  await run("operator", "DELETE /v1/tokens/{name}", undefined, { name: "ada" });
  await run("operator", "POST /v1/keys/rotate");
  await run("operator", "GET /v1/keys");
  await run("operator", "POST /v1/nodes/{node}/drain", { graceMs: 1000 }, ids);
  await run("operator", "PUT /v1/nodes/{node}/lent", { cores: 1, graceMs: 0 }, ids);
  const reclaim = { name: "a", by: "slurm", graceMs: 0, waitMs: 0 };
  await run("operator", "POST /v1/reclaim", reclaim);
  await run("operator", "DELETE /v1/nodes/{node}", undefined, ids);
  assertEquals([...met].sort(), [...operations.keys()].sort(), "a route was not run");

  // The codes of common refusals are described too.
  const unknown = { epoch: 1, leases: [] };
  const refusals: [typeof roles[number], string, unknown, number][] = [
    ["client", "POST /v1/leases", request, 409],
    ["client", "POST /v1/leases", { ...request, replaces: "0".repeat(32) }, 404],
    ["client", "POST /v1/leases/{lease}/renew", { termMs: 1_000 }, 404],
    ["client", "DELETE /v1/leases/{lease}", undefined, 404],
    ["node", "POST /v1/nodes/{node}/heartbeat", unknown, 409],
    ["node", "POST /v1/nodes/{node}/notifications", { epoch: 1 }, 409],
    ["operator", "DELETE /v1/tokens/{name}", undefined, 404],
    ["operator", "POST /v1/keys/rotate", undefined, 409],
  ];
  for (const [as, route, body, status] of refusals) {
    assertEquals((await send(test, operations, as, route, body)).status, status, route);
  }
});
