import { lentHourListSchema } from "../../../../runtime/http/manager_api.ts";
import { LENT_FIELDS, readLentQuery } from "../../books/lent_query.ts";
import { PAGE_COST } from "../../policy.ts";
import { route, type Routes } from "../route.ts";

/** The routes of what nodes had to lend. */
export const LENT_ROUTES: Routes = {
  "GET /v1/lent": route({
    summary: "Lists what all nodes together had to lend, by the hour, oldest first, in pages: " +
      "`next` of one page is `after` of the next.",
    cost: PAGE_COST,
    roles: ["operator"],
    query: LENT_FIELDS,
    response: [200, lentHourListSchema],
    handle: ({ lentHours }, { query }) => lentHours.list(readLentQuery(query)),
  }),
};
