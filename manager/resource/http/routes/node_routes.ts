import * as api from "../../../../runtime/http/manager_api.ts";
import { pageLimit } from "../../../../runtime/http/page_api.ts";
import { readNodeName, readPageQuery } from "../../books/page_query.ts";
import { PAGE_COST } from "../../policy.ts";
import { route, type Routes } from "../route.ts";

const REGISTER_AGAIN = "`register-again`: the node is unknown, or the epoch is not its newest";
const CHANGED = "`changed`: the node has another revision";
const NO_SUCH_NODE = "`not-found`: no such node";

/** The routes of nodes. */
export const NODE_ROUTES: Routes = {
  "POST /v1/nodes": route({
    summary: "Registers a start of a node's executor manager.",
    roles: ["node"],
    body: api.nodeRegistrationSchema,
    response: [200, api.nodeRegistrationResponseSchema],
    handle: ({ nodes }, { body }) => nodes.register(body),
  }),
  "GET /v1/nodes": route({
    summary:
      "Lists all nodes, by name, in pages: `next` of one page is `after` of the next; or one by its `name`.",
    cost: PAGE_COST,
    roles: ["node", "operator", "client"],
    query: { after: api.nodeCursor, limit: pageLimit, name: api.nodeCursor },
    response: [200, api.nodeListSchema],
    handle: ({ nodes }, { query: { name, ...page } }) =>
      nodes.list({
        ...readPageQuery("nodes", page),
        ...(name === undefined ? {} : { name: readNodeName(name) }),
      }),
  }),
  "POST /v1/nodes/:node/heartbeat": route({
    summary: "Reports that the node is alive, and the leases that it serves.",
    roles: ["node"],
    body: api.heartbeatSchema,
    response: [200, api.heartbeatResponseSchema],
    refusals: { 409: REGISTER_AGAIN },
    handle: async ({ nodes, bills }, { param, body }) => {
      const response = await nodes.heartbeat(param("node"), body);
      await bills.recordHeartbeat(param("node"), body);
      return response;
    },
  }),
  "POST /v1/nodes/:node/notifications": route({
    summary: "Waits up to 20 s for a notification of the node, which then sends a heartbeat.",
    roles: ["node"],
    body: api.notificationsRequestSchema,
    response: [200, api.notificationsResponseSchema],
    refusals: { 409: `${REGISTER_AGAIN}; \`replaced\`: a later request of the node waits` },
    handle: async ({ nodes, tokens }, { param, body, signal, caller }) => {
      const response = await nodes.awaitNotifications(param("node"), body, signal);
      tokens.assertActive(caller);
      return response;
    },
  }),
  "PUT /v1/nodes/:node/leases/:lease": route({
    summary: "Reports a claim or an end of a lease on the node.",
    roles: ["node"],
    body: api.leaseReportSchema,
    response: [204, null],
    refusals: {
      404: "`not-found`: the node was never offered the lease",
      409: REGISTER_AGAIN,
      410: "`over`: the claim does not hold",
    },
    handle: async ({ nodes, bills }, { param, body }) => {
      const [node, lease] = [param("node"), param("lease")];
      await nodes.report(node, lease, body);
      if (body.bill?.lease === lease) await bills.recordLast(node, body.bill);
    },
  }),
  "POST /v1/nodes/:node/drain": route({
    summary: "Drains a node: no new leases, and a grace period for those that it serves.",
    roles: ["node", "operator"],
    body: api.drainRequestSchema,
    response: [204, null],
    refusals: { 404: NO_SUCH_NODE, 409: CHANGED },
    handle: ({ nodes }, { caller, param, body }) => nodes.lent.drain(caller, param("node"), body),
  }),
  "POST /v1/reclaim": route({
    summary: "Drains a node for a batch job, and waits until it is free.",
    roles: ["node", "operator"],
    body: api.reclaimRequestSchema,
    response: [200, api.reclaimedSchema],
    refusals: { 404: NO_SUCH_NODE },
    handle: ({ nodes }, { caller, body, signal }) => nodes.reclaims.reclaim(caller, body, signal),
  }),
  "PUT /v1/nodes/:node/lent": route({
    summary: "Lends a drained node again, or changes how many cores it lends while it serves.",
    roles: ["node", "operator"],
    body: api.lendRequestSchema,
    response: [204, null],
    refusals: {
      404: NO_SUCH_NODE,
      409:
        `\`drained\`: another still drains the node; it lends what was requested after that; ${CHANGED}`,
    },
    handle: ({ nodes }, { caller, param, body }) => nodes.lent.lend(caller, param("node"), body),
  }),
  "DELETE /v1/nodes/:node": route({
    summary: "Removes a node and ends its parts of leases.",
    roles: ["node", "operator"],
    response: [204, null],
    handle: ({ nodes }, { caller, param }) => nodes.remove(caller, param("node")),
  }),
};
