import * as api from "../../../../runtime/http/manager_api.ts";
import { pageLimit } from "../../../../runtime/http/page_api.ts";
import { readPageQuery } from "../../books/page_query.ts";
import { PAGE_COST } from "../../policy.ts";
import { route, type Routes } from "../route.ts";

/** The routes of tokens and keys. */
export const TOKEN_ROUTES: Routes = {
  "POST /v1/tokens": route({
    summary: "Creates a token. The response is the only place with its text.",
    cost: 1,
    needsState: true,
    roles: ["operator"],
    body: api.tokenRequestSchema,
    response: [201, api.tokenResponseSchema],
    refusals: { 409: "`exists`: the name is taken" },
    handle: ({ tokens }, { caller, body }) => tokens.create(caller, body),
  }),
  "GET /v1/tokens": route({
    summary:
      "Lists all tokens, by name, without their texts, in pages: `next` of one page is `after` " +
      "of the next.",
    cost: PAGE_COST,
    roles: ["operator"],
    query: { after: api.tokenCursor, limit: pageLimit },
    response: [200, api.tokenListSchema],
    handle: ({ tokens }, { query }) => tokens.list(readPageQuery("tokens", query)),
  }),
  "DELETE /v1/tokens/:name": route({
    summary: "Revokes a token and ends the leases of its client.",
    roles: ["operator"],
    response: [204, null],
    refusals: {
      404: "`not-found`: no token of this name",
      409: "`in-use`: the request uses this token",
    },
    handle: ({ tokens }, { caller, param }) => tokens.revoke(caller, param("name")),
  }),

  "GET /v1/keys": route({
    summary: "Lists the keys that sign grants, newest first.",
    cost: 1,
    roles: ["operator"],
    response: [200, api.keyListSchema],
    handle: ({ keys }) => keys.list(),
  }),
  "POST /v1/keys/rotate": route({
    summary: "Creates a key, which signs after all nodes received it. " +
      "The old key is accepted while grants need it.",
    needsState: true,
    roles: ["operator"],
    response: [200, api.keyListSchema],
    refusals: {
      409: "`rotating`: a new key does not sign yet; `too-many-keys`: running leases use 8 keys",
    },
    handle: ({ keys }, { caller }) => keys.rotate(caller),
  }),
};
