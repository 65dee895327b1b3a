/** The description of the HTTP interface in OpenAPI 3.1, made from the table of operations. */
import { errorSchema, hexId, plainName } from "../../runtime/http/manager_api.ts";
import type { GenericSchema } from "../../runtime/valibot.ts";
import { type JsonSchema, jsonSchemaOf } from "../json_schema.ts";
import { type Operation, OPERATIONS } from "./operations.ts";

const parameters: Readonly<Record<string, GenericSchema>> = {
  node: hexId,
  lease: hexId,
  name: plainName,
};

/** The whole document. */
export function describeApi(version: string): JsonSchema {
  const paths: Record<string, JsonSchema> = {};
  for (const [route, operation] of Object.entries(OPERATIONS)) {
    const [method, path] = route.split(" ") as [string, string];
    const item = paths[path.replaceAll(/:(\w+)/g, "{$1}")] ??= {};
    item[method.toLowerCase()] = describe(path, operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "rfaas resource manager",
      version,
      description: "Leases on idle cores. docs/http.md tells what each field means.",
    },
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Error: jsonSchemaOf(errorSchema) },
    },
  };
}

function describe(path: string, operation: Operation): JsonSchema {
  const { does, roles, body, query = {}, answer: [status, answered] } = operation;
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: jsonSchemaOf(parameters[name!]!),
  }));
  const inQuery = Object.entries(query).map(([name, schema]) => ({
    name,
    in: "query",
    schema: jsonSchemaOf(schema),
  }));
  return {
    summary: does,
    ...(roles.length === 0
      ? { security: [] }
      : { description: `Roles: ${roles.join(", ")}.`, security: [{ token: [] }] }),
    ...(inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      [status]: answered === null
        ? { description: "Done." }
        : { description: "Done.", content: json(answered) },
      ...Object.fromEntries(
        Object.entries(refusalsOf(operation)).map(([status, description]) => [status, {
          description,
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        }]),
      ),
    },
  };
}

/** The refusals of a route: its own, and those that come from what it has in common with others. */
function refusalsOf({ roles, body, query, refusals }: Operation): Record<string, string> {
  return {
    ...(body === undefined && query === undefined
      ? {}
      : { 400: "`bad-request`: the request is not of this form" }),
    ...(roles.length === 0 ? {} : {
      401: "`unauthorized`: no token, or one that is not known",
      403: "`forbidden`: the token's role may not do this",
    }),
    ...(body === undefined ? {} : {
      408: "`too-slow`: the body took too long to arrive",
      413: "`too-large`: the body is too long",
    }),
    ...refusals,
    429: "`too-many-requests`: the Retry-After header says when to ask again",
    500: "`internal`: the resource manager failed; its log says why",
    503: "`closing`: it is closing; `busy`: too many requests are under way",
  };
}

function json(schema: GenericSchema): JsonSchema {
  return { "application/json": { schema: jsonSchemaOf(schema) } };
}
