/** The resource manager's HTTP interface, version 1. docs/http.md is its description. */
import { type Context, Hono, type MiddlewareHandler } from "./hono.ts";
import * as api from "../../runtime/http/manager_api.ts";
import type * as v from "../../runtime/valibot.ts";
import type { Logger } from "../log.ts";
import { readBillQuery } from "./bill_query.ts";
import type { BillBook } from "./bills.ts";
import { type BodyLimits, readJson } from "./body.ts";
import type { KeyRing } from "./key_ring.ts";
import type { LeaseBook } from "./lease_book.ts";
import type { NodeBook } from "./node_book.ts";
import { describeApi } from "./openapi.ts";
import { RateLimit } from "./rate_limit.ts";
import { notFound, Refusal } from "./refusal.ts";
import type { Role, TokenRow } from "./store.ts";
import { type TokenBook, unauthorized } from "./token_book.ts";

/** What the routes lead to. */
export interface RouteTargets {
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  readonly tokens: TokenBook;
  readonly keys: KeyRing;
  readonly bills: BillBook;
  readonly version: string;
  readonly bodyLimits: BodyLimits;
  /** Requests a second that carry no good token, from all who ask together. */
  readonly unauthenticatedPerSecond: number;
  readonly clock: () => number;
  readonly log: Logger;
}

/** Hono's view of a request here: who asks is known once the token was looked up. */
type Env = { Variables: { caller: TokenRow } };

/** Builds the routes. */
export function createRoutes(targets: RouteTargets): Hono<Env> {
  const { nodes, leases, tokens, bills, keys } = targets;
  const app = new Hono<Env>();
  const strangers = limitStrangers(targets);
  const allow = (...roles: Role[]) => requireRole(tokens, roles, strangers);
  const anybody: MiddlewareHandler<Env> = async (_, next) => {
    strangers();
    await next();
  };
  const body = async <S extends v.GenericSchema>(c: Context<Env>, schema: S) => {
    const read = await readJson(c.req.raw, schema, targets.bodyLimits);
    tokens.assertHeld(c.var.caller);
    return read;
  };

  app.get("/v1/health", anybody, (c) => c.json({ ok: true, version: targets.version }));
  refuseOthers(app, "/v1/health", "GET");

  const description = JSON.stringify(describeApi(targets.version));
  app.get(
    "/v1/openapi.json",
    anybody,
    (c) => c.body(description, 200, { "content-type": "application/json" }),
  );
  refuseOthers(app, "/v1/openapi.json", "GET");

  app.post("/v1/nodes", allow("node"), async (c) => {
    return c.json(await nodes.register(await body(c, api.nodeRegistrationSchema)));
  });
  app.get("/v1/nodes", allow("operator", "client"), async (c) => c.json(await nodes.list()));
  refuseOthers(app, "/v1/nodes", "GET, POST");

  app.post("/v1/nodes/:node/heartbeat", allow("node"), async (c) => {
    const told = await body(c, api.heartbeatSchema);
    const answer = await nodes.beat(c.req.param("node"), told);
    await bills.beat(c.req.param("node"), told);
    return c.json(answer);
  });
  refuseOthers(app, "/v1/nodes/:node/heartbeat", "POST");

  app.post("/v1/nodes/:node/orders", allow("node"), async (c) => {
    const asked = await body(c, api.ordersRequestSchema);
    const answer = await nodes.awaitOrders(c.req.param("node"), asked, c.req.raw.signal);
    tokens.assertHeld(c.var.caller);
    return c.json(answer);
  });
  refuseOthers(app, "/v1/nodes/:node/orders", "POST");

  app.put("/v1/nodes/:node/leases/:lease", allow("node"), async (c) => {
    const told = await body(c, api.leaseReportSchema);
    const { node, lease } = c.req.param();
    await nodes.report(node, lease, told);
    if (told.bill?.lease === lease) await bills.settle(node, told.bill);
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/nodes/:node/leases/:lease", "PUT");

  app.post("/v1/nodes/:node/drain", allow("node", "operator"), async (c) => {
    const { noticeMs } = await body(c, api.drainSchema);
    await nodes.drain(c.req.param("node"), noticeMs);
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/nodes/:node/drain", "POST");

  app.post("/v1/nodes/:node/lend", allow("node", "operator"), async (c) => {
    await nodes.drain(c.req.param("node"), null);
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/nodes/:node/lend", "POST");

  app.delete("/v1/nodes/:node", allow("node", "operator"), async (c) => {
    await nodes.remove(c.req.param("node"));
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/nodes/:node", "DELETE");

  app.post("/v1/leases", allow("client"), async (c) => {
    const { caller } = c.var;
    const asked = await body(c, api.leaseRequestSchema);
    const assertHeld = () => tokens.assertHeld(caller);
    // Looked at only if it is needed: a signal is made for each request that asks for it.
    const gone = asked.waitMs === undefined ? {} : { signal: c.req.raw.signal };
    return c.json(await leases.take(caller, asked, { ...gone, assertHeld }), 201);
  });
  app.get(
    "/v1/leases",
    allow("operator", "client"),
    async (c) => c.json(await leases.list(c.var.caller)),
  );
  refuseOthers(app, "/v1/leases", "GET, POST");

  app.post("/v1/leases/:lease/renew", allow("client"), async (c) => {
    const asked = await body(c, api.leaseRenewalSchema);
    return c.json(await leases.renew(c.var.caller, c.req.param("lease"), asked));
  });
  refuseOthers(app, "/v1/leases/:lease/renew", "POST");

  app.delete("/v1/leases/:lease", allow("client", "operator"), async (c) => {
    await leases.end(c.var.caller, c.req.param("lease"));
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/leases/:lease", "DELETE");

  app.delete("/v1/leases/:lease/nodes/:node", allow("client", "operator"), async (c) => {
    await leases.endOn(c.var.caller, c.req.param("lease"), c.req.param("node"));
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/leases/:lease/nodes/:node", "DELETE");

  app.get("/v1/bills", allow("operator", "client"), async (c) => {
    return c.json(await bills.list(c.var.caller, readBillQuery(c.req.query())));
  });
  refuseOthers(app, "/v1/bills", "GET");

  app.post("/v1/tokens", allow("operator"), async (c) => {
    return c.json(await tokens.create(await body(c, api.tokenRequestSchema)), 201);
  });
  app.get("/v1/tokens", allow("operator"), async (c) => c.json(await tokens.list()));
  refuseOthers(app, "/v1/tokens", "GET, POST");

  app.delete("/v1/tokens/:name", allow("operator"), async (c) => {
    await tokens.revoke(c.var.caller, c.req.param("name"));
    return c.body(null, 204);
  });
  refuseOthers(app, "/v1/tokens/:name", "DELETE");

  app.get("/v1/keys", allow("operator"), (c) => c.json(keys.list()));
  refuseOthers(app, "/v1/keys", "GET");

  app.post("/v1/keys/rotate", allow("operator"), async (c) => c.json(await keys.rotate()));
  refuseOthers(app, "/v1/keys/rotate", "POST");

  app.notFound((c) => answerRefusal(c, notFound("path", c.req.path)));
  app.onError((error, c) => {
    if (error instanceof Refusal) return answerRefusal(c, error);
    targets.log.error("Request {method} {path} failed: {error}", {
      method: c.req.method,
      path: c.req.path,
      error,
    });
    const message = "Cannot answer request: the resource manager failed";
    return c.json({ error: { code: "internal", message } }, 500);
  });
  return app;
}

/** Counts a request without a good token; one bucket for all, since nothing tells them apart that can't be forged. */
function limitStrangers({ unauthenticatedPerSecond, clock }: RouteTargets): () => void {
  let bucket: RateLimit | undefined;
  return () => {
    bucket ??= new RateLimit(unauthenticatedPerSecond, clock());
    bucket.take(clock(), "all who show no token together");
  };
}

function requireRole(
  tokens: TokenBook,
  roles: readonly Role[],
  strangers: () => void,
): MiddlewareHandler<Env> {
  return async (c, next) => {
    const caller = tokens.find(c.req.header("authorization"));
    if (caller === undefined) {
      strangers();
      throw unauthorized();
    }
    if (!roles.includes(caller.role)) {
      const state = `this needs the role ${roles.join(" or ")}, the token has ${caller.role}`;
      throw new Refusal(403, "forbidden", `Cannot accept request: ${state}`);
    }
    c.set("caller", caller);
    await next();
  };
}

/** Registered after a path's own methods, so it meets only the others. */
function refuseOthers(app: Hono<Env>, path: string, allowed: string): void {
  app.all(path, (c) => {
    c.header("allow", allowed);
    const message = `Cannot ${c.req.method} here: this path takes ${allowed}`;
    return answerRefusal(c, new Refusal(405, "bad-method", message));
  });
}

function answerRefusal(c: Context<Env>, refusal: Refusal): Response {
  if (refusal.status === 401) c.header("www-authenticate", "Bearer");
  if (refusal.retryAfterSeconds !== undefined) {
    c.header("retry-after", String(refusal.retryAfterSeconds));
  }
  // The rest of the body is not read, so the connection is of no more use.
  if (refusal.status === 408 || refusal.status === 413) c.header("connection", "close");
  return c.json({ error: { code: refusal.code, message: refusal.message } }, refusal.status);
}
