import * as api from "../../../../runtime/http/manager_api.ts";
import { route, type Routes } from "../route.ts";

/** The routes that need no token. */
export const PUBLIC_ROUTES: Routes = {
  "GET /v1/health": route({
    summary: "Returns the version of a running resource manager that keeps its state.",
    roles: [],
    response: [200, api.healthSchema],
    needsState: true,
    handle: ({ version, leads, sinceMs }) => {
      const role = leads() ? "leader" : "standby";
      return { ok: true, version, role, ...(sinceMs === undefined ? {} : { sinceMs }) };
    },
  }),
  "GET /v1/openapi.json": route({
    summary: "Returns this description.",
    cost: 1,
    roles: [],
    response: [200, api.openApiSchema],
    handle: ({ description }) =>
      new Response(description(), { headers: { "content-type": "application/json" } }),
  }),
};
