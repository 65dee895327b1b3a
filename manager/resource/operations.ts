/**
 * What the HTTP interface offers, one entry a route: the description at /v1/openapi.json is made of this table. A test
 * holds it against the routes and against what they answer. To add a route, add its entry here.
 */
import { billCursor, billLimit, billListSchema } from "../../runtime/http/bill_api.ts";
import * as api from "../../runtime/http/manager_api.ts";
import type { GenericSchema } from "../../runtime/valibot.ts";
import type { Role } from "./store.ts";

/** One route. */
export interface Operation {
  /** What it does, in one sentence. */
  readonly does: string;
  /** Who may ask. None: anybody, without a token. */
  readonly roles: readonly Role[];
  readonly body?: GenericSchema;
  /** What may be asked for in the query; each may be left out. */
  readonly query?: Readonly<Record<string, GenericSchema>>;
  /** The status of a success, and the schema of its body; null for no body. */
  readonly answer: readonly [status: number, body: GenericSchema | null];
  /** What it refuses with, by status, besides what all routes do. */
  readonly refusals?: Readonly<Record<number, string>>;
}

const registerAgain = "`register-again`: the node is not known, or the epoch is not its newest";

/** By method and path, the parameters of a path as `:name`. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  "GET /v1/health": {
    does: "Tells that the resource manager is alive, and its version.",
    roles: [],
    answer: [200, api.healthSchema],
  },
  "GET /v1/openapi.json": {
    does: "This description.",
    roles: [],
    answer: [200, api.openApiSchema],
  },

  "POST /v1/nodes": {
    does: "Tells of a start of a node's executor manager.",
    roles: ["node"],
    body: api.nodeRegistrationSchema,
    answer: [200, api.nodeWelcomeSchema],
  },
  "GET /v1/nodes": {
    does: "All nodes, by name.",
    roles: ["operator", "client"],
    answer: [200, api.nodeListSchema],
  },
  "POST /v1/nodes/:node/heartbeat": {
    does: "Tells that the node lives and which leases it serves.",
    roles: ["node"],
    body: api.heartbeatSchema,
    answer: [200, api.heartbeatAnswerSchema],
    refusals: { 409: registerAgain },
  },
  "POST /v1/nodes/:node/orders": {
    does: "Waits until there is news for the node, 20 s at most: then its next heartbeat is due.",
    roles: ["node"],
    body: api.ordersRequestSchema,
    answer: [200, api.ordersAnswerSchema],
    refusals: { 409: `${registerAgain}; \`replaced\`: the node has asked once more meanwhile` },
  },
  "PUT /v1/nodes/:node/leases/:lease": {
    does: "Tells of a claim or an end of a lease on the node.",
    roles: ["node"],
    body: api.leaseReportSchema,
    answer: [204, null],
    refusals: {
      404: "`not-found`: the node was never offered the lease",
      409: registerAgain,
      410: "`over`: the claim does not hold",
    },
  },
  "POST /v1/nodes/:node/drain": {
    does: "Takes a node back: no new leases, and a notice to those that it serves.",
    roles: ["node", "operator"],
    body: api.drainSchema,
    answer: [204, null],
    refusals: { 404: "`not-found`: no such node" },
  },
  "POST /v1/nodes/:node/lend": {
    does: "Lends a node again that was taken back.",
    roles: ["node", "operator"],
    answer: [204, null],
    refusals: { 404: "`not-found`: no such node" },
  },
  "DELETE /v1/nodes/:node": {
    does: "Forgets a node and ends what it has of leases.",
    roles: ["node", "operator"],
    answer: [204, null],
  },

  "POST /v1/leases": {
    does: "Asks for a lease, and waits for room up to `waitMs`; its grants name candidates.",
    roles: ["client"],
    body: api.leaseRequestSchema,
    answer: [201, api.leaseTakenSchema],
    refusals: { 409: "`full`, `no-nodes` or `quota`: the message has the figures" },
  },
  "GET /v1/leases": {
    does: "The running leases, oldest first; a client sees its own.",
    roles: ["operator", "client"],
    answer: [200, api.leaseListSchema],
  },
  "POST /v1/leases/:lease/renew": {
    does: "Moves the end of a lease and signs grants that say so.",
    roles: ["client"],
    body: api.leaseRenewalSchema,
    answer: [200, api.leaseRenewedSchema],
    refusals: {
      404: "`not-found`: no such lease, or someone else's",
      409: "`quota`: the term is too long for this client",
      410: "`over`: it has ended",
    },
  },
  "DELETE /v1/leases/:lease": {
    does: "Gives a lease back. May be repeated.",
    roles: ["client", "operator"],
    answer: [204, null],
    refusals: { 404: "`not-found`: no such lease, or someone else's" },
  },
  "DELETE /v1/leases/:lease/nodes/:node": {
    does: "Gives back what a lease has of one node; the rest of it goes on. May be repeated.",
    roles: ["client", "operator"],
    answer: [204, null],
    refusals: {
      404: "`not-found`: no such lease, or someone else's, or it was never offered that node",
    },
  },

  "GET /v1/bills": {
    does:
      "What leases have had, by time of admission or, with `since`, of the last growth, in pages: `next` of one is `after` of the next. A client sees its own.",
    roles: ["operator", "client"],
    query: { client: api.plainName, since: api.timeText, after: billCursor, limit: billLimit },
    answer: [200, billListSchema],
  },

  "POST /v1/tokens": {
    does: "Makes a token; the answer is the only place where its text is.",
    roles: ["operator"],
    body: api.tokenRequestSchema,
    answer: [201, api.tokenCreatedSchema],
    refusals: { 409: "`exists`: there is one of this name" },
  },
  "GET /v1/tokens": {
    does: "All tokens, by name, without their texts.",
    roles: ["operator"],
    answer: [200, api.tokenListSchema],
  },
  "DELETE /v1/tokens/:name": {
    does: "Makes a token void and ends the leases that were taken with it.",
    roles: ["operator"],
    answer: [204, null],
    refusals: {
      404: "`not-found`: there is none of this name",
      409: "`in-use`: it is the one that asks",
    },
  },

  "GET /v1/keys": {
    does: "The keys that grants are signed with, newest first.",
    roles: ["operator"],
    answer: [200, api.keyListSchema],
  },
  "POST /v1/keys/rotate": {
    does:
      "Makes a key that signs once nodes have learned of it; the old one is accepted while it is needed.",
    roles: ["operator"],
    answer: [200, api.keyListSchema],
    refusals: {
      409: "`rotating`: one waits to sign already; `too-many-keys`: as many old ones are needed",
    },
  },
};
