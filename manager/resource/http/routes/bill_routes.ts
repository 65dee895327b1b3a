import { billListSchema } from "../../../../runtime/http/bill_api.ts";
import { BILL_FIELDS, readBillQuery } from "../../books/bill_query.ts";
import { PAGE_COST } from "../../policy.ts";
import { route, type Routes } from "../route.ts";

/** The routes of bills. */
export const BILL_ROUTES: Routes = {
  "GET /v1/bills": route({
    summary: "Lists bills by time of admission or, with `since`, of the last growth, in pages: " +
      "`next` of one page is `after` of the next. A client gets its own.",
    cost: PAGE_COST,
    roles: ["operator", "client"],
    query: BILL_FIELDS,
    response: [200, billListSchema],
    handle: ({ bills }, { caller, query }) => bills.list(caller, readBillQuery(query)),
  }),
};
