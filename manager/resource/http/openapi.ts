/** The description of the HTTP interface in OpenAPI 3.1, generated from the routes. */
import { errorSchema, hexId, plainName } from "../../../runtime/http/manager_api.ts";
import type { GenericSchema } from "../../../runtime/valibot.ts";
import { type JsonSchema, jsonSchemaOf } from "../../json_schema.ts";
import type { Route } from "./route.ts";
import { ROUTES } from "./routes/routes.ts";

const PARAMETERS: Readonly<Record<string, GenericSchema>> = {
  node: hexId,
  lease: hexId,
  name: plainName,
};

/** Generates the whole document. */
export function describeApi(version: string): JsonSchema {
  const paths: Record<string, JsonSchema> = {};
  for (const [key, route] of Object.entries(ROUTES)) {
    const [method, path] = key.split(" ") as [string, string];
    const item = paths[path.replaceAll(/:(\w+)/g, "{$1}")] ??= {};
    item[method.toLowerCase()] = describe(path, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "rfaas resource manager",
      version,
      description: "Leases on idle cores. docs/http.md documents each field.",
    },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Error: jsonSchemaOf(errorSchema) },
    },
  };
}

function describe(path: string, route: Route): JsonSchema {
  const { summary, roles, body, query = {}, response: [status, content] } = route;
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: jsonSchemaOf(PARAMETERS[name!]!),
  }));
  const inQuery = Object.entries(query).map(([name, schema]) => ({
    name,
    in: "query",
    schema: jsonSchemaOf(schema),
  }));
  return {
    summary,
    ...(roles.length === 0
      ? { security: [] }
      : { description: `Roles: ${roles.join(", ")}.`, security: [{ token: [] }] }),
    ...(inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      [status]: content === null
        ? { description: "Done." }
        : { description: "Done.", content: json(content) },
      ...Object.fromEntries(
        Object.entries(refusalsOf(route)).map(([status, description]) => [status, {
          description,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        }]),
      ),
    },
  };
}

/** The refusals of a route: its own, and those of all routes like it. */
function refusalsOf({ roles, body, query, refusals }: Route): Record<string, string> {
  return {
    ...(body === undefined && query === undefined
      ? {}
      : { 400: "`bad-request`: the request is malformed" }),
    ...(roles.length === 0 ? {} : {
      401: "`unauthorized`: no token, or an unknown one",
      403: "`forbidden`: the route does not accept the role of the token",
    }),
    ...(body === undefined ? {} : {
      408: "`too-slow`: the body took too long to arrive",
      413: "`too-large`: the body is too long",
    }),
    ...refusals,
    429: "`too-many-requests`, `busy`: the Retry-After header has the time of the next retry",
    500: "`internal`: the resource manager failed; its log has the reason",
    503: "`closing`: the resource manager is closing; `busy`: too many requests are in flight; " +
      "`no-state`: its state is gone, or its disk fails",
  };
}

function json(schema: GenericSchema): JsonSchema {
  return { "application/json": { schema: jsonSchemaOf(schema) } };
}
