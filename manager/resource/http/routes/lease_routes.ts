import * as api from "../../../../runtime/http/manager_api.ts";
import { pageLimit } from "../../../../runtime/http/page_api.ts";
import { queueListSchema } from "../../../../runtime/http/queue_api.ts";
import { readPageQuery } from "../../books/page_query.ts";
import { PAGE_COST } from "../../policy.ts";
import { route, type Routes } from "../route.ts";

const NO_SUCH_LEASE = "`not-found`: no such lease, or one of another client";

/** The routes of leases. */
export const LEASE_ROUTES: Routes = {
  "POST /v1/leases": route({
    summary:
      "Takes a lease, and waits for capacity up to `waitMs`. The grants are for candidate nodes.",
    cost: 1,
    needsState: true,
    roles: ["client"],
    body: api.leaseRequestSchema,
    response: [201, api.leaseResponseSchema],
    refusals: {
      404: "`not-found`: `replaces` is no such lease, or one of another client",
      409: "`full`, `no-nodes` or `quota`: the message has the figures",
      410: "`over`: the lease of this `request` has ended",
    },
    handle: ({ leases, tokens }, request) => {
      const { caller, body } = request;
      const signal = body.waitMs === undefined ? {} : { signal: request.signal };
      return leases.take(caller, body, {
        ...signal,
        assertActive: () => tokens.assertActive(caller),
      });
    },
  }),
  "GET /v1/leases": route({
    summary:
      "Lists the running leases, oldest first, in pages: all for an operator, its own for a " +
      "client. `next` of one page is `after` of the next.",
    cost: PAGE_COST,
    roles: ["operator", "client"],
    query: { after: api.leaseCursor, limit: pageLimit },
    response: [200, api.leaseListSchema],
    handle: ({ leases }, { caller, query }) => leases.list(caller, readPageQuery("leases", query)),
  }),
  "GET /v1/queue": route({
    summary:
      "Lists the requests for leases that wait for capacity, in their order, and why each one does: " +
      "all for an operator, its own for a client.",
    cost: PAGE_COST,
    roles: ["operator", "client"],
    response: [200, queueListSchema],
    handle: ({ leases }, { caller }) => leases.waiting(caller),
  }),
  "POST /v1/leases/:lease/renew": route({
    summary: "Extends a lease and returns new grants.",
    roles: ["client"],
    body: api.leaseRenewalSchema,
    response: [200, api.leaseRenewalResponseSchema],
    refusals: {
      404: NO_SUCH_LEASE,
      409: "`quota`: the term is too long for this client",
      410: "`over`: the lease has ended",
    },
    handle: ({ leases }, { caller, param, body }) => leases.renew(caller, param("lease"), body),
  }),
  "DELETE /v1/leases/:lease": route({
    summary: "Releases a lease. May be repeated.",
    roles: ["client", "operator"],
    response: [204, null],
    refusals: { 404: NO_SUCH_LEASE },
    handle: ({ leases }, { caller, param }) => leases.release(caller, param("lease")),
  }),
  "DELETE /v1/leases/:lease/nodes/:node": route({
    summary: "Releases the part of a lease on one node. The other parts go on. May be repeated.",
    roles: ["client", "operator"],
    response: [204, null],
    refusals: { 404: `${NO_SUCH_LEASE}, or it was never offered that node` },
    handle: ({ leases }, { caller, param }) =>
      leases.releasePart(caller, param("lease"), param("node")),
  }),
};
