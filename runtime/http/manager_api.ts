/**
 * The bodies that travel between the resource manager, its clients and its nodes: one schema for each. The server
 * refuses a request by it, the client a response. docs/http.md lists the routes.
 */
import * as v from "../valibot.ts";

export * from "./api_fields.ts";
export * from "./heartbeat_api.ts";
export * from "./key_api.ts";
export * from "./lease_api.ts";
export * from "./node_api.ts";
export * from "./token_api.ts";

/** The body of every response that is no success. */
export const errorSchema = v.object({
  error: v.object({ code: v.string(), message: v.string() }),
});

/** The response of `GET /v1/health`. */
export interface Health {
  /** The resource manager answers. */
  readonly ok: true;
  /** Its version. */
  readonly version: string;
  /** Whether it serves requests, or stands by while another one with the same store leads. */
  readonly role?: "leader" | "standby" | undefined;
  /** The address of the leader, of a standby that has observed one. */
  readonly leader?: string | undefined;
  /** When the leader began to lead, of several resource managers: milliseconds since 1970. */
  readonly sinceMs?: number | undefined;
  /** The age of a standby's last observation of the leader, in milliseconds. */
  readonly behindMs?: number | undefined;
}

export const healthSchema: v.GenericSchema<Health> = v.object({
  ok: v.literal(true),
  version: v.string(),
  role: v.optional(v.picklist(["leader", "standby"])),
  leader: v.optional(v.string()),
  sinceMs: v.optional(v.number()),
  behindMs: v.optional(v.number()),
});

/** The response of `GET /v1/openapi.json`, whose content OpenAPI's own schema defines. */
export const openApiSchema = v.looseObject({ openapi: v.literal("3.1.0") });
