import type { Routes } from "../route.ts";
import { BILL_ROUTES } from "./bill_routes.ts";
import { EVENT_ROUTES } from "./event_routes.ts";
import { LEASE_ROUTES } from "./lease_routes.ts";
import { LENT_ROUTES } from "./lent_routes.ts";
import { NODE_ROUTES } from "./node_routes.ts";
import { PUBLIC_ROUTES } from "./public_routes.ts";
import { TOKEN_ROUTES } from "./token_routes.ts";

/** All routes of the HTTP interface, version 1. docs/http.md describes them for people. */
export const ROUTES: Routes = {
  ...PUBLIC_ROUTES,
  ...NODE_ROUTES,
  ...LEASE_ROUTES,
  ...BILL_ROUTES,
  ...LENT_ROUTES,
  ...EVENT_ROUTES,
  ...TOKEN_ROUTES,
};
