import { eventListSchema } from "../../../../runtime/http/event_api.ts";
import { EVENT_FIELDS, readEventQuery } from "../../books/event_query.ts";
import { PAGE_COST } from "../../policy.ts";
import { route, type Routes } from "../route.ts";

/** The routes of events. */
export const EVENT_ROUTES: Routes = {
  "GET /v1/events": route({
    summary:
      "Lists what happened to leases, nodes, tokens and keys, oldest first, in pages: `next` of one page is " +
      "`after` of the next. With `wait` it waits for an event. A client gets those of its own leases.",
    cost: PAGE_COST,
    roles: ["operator", "client"],
    query: EVENT_FIELDS,
    response: [200, eventListSchema],
    handle: async ({ events, tokens }, request) => {
      const { caller } = request;
      const list = await events.list(caller, readEventQuery(request.query), () => request.signal);
      tokens.assertActive(caller);
      return list;
    },
  }),
};
