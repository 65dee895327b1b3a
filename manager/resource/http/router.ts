/** The HTTP interface as an app of Hono: what all routes have in common, and the responses to failures. */
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { otelApi } from "../../../runtime/tracing/otel_api.ts";
import { parseTraceparent } from "../../../runtime/tracing/trace_context.ts";
import { withSpan } from "../../../runtime/tracing/tracing.ts";
import type { Logger } from "../../log.ts";
import { type Observe, OTHER, unobserved } from "../../metrics/metric.ts";
import { unauthorized } from "../books/token_book.ts";
import type { LoopWatch } from "../loop_watch.ts";
import { RateLimit } from "../rate_limit.ts";
import { refusalOfStore } from "../store_refusal.ts";
import { notFound, RefusalError } from "../refusal.ts";
import type { TokenRow } from "../store/store.ts";
import { type BodyLimits, readJson } from "./body.ts";
import { type Context, Hono } from "./hono.ts";
import { describeApi } from "./openapi.ts";
import type { RequestGate } from "./request_gate.ts";
import type { Route, RouteTargets } from "./route.ts";
import { ROUTES } from "./routes/routes.ts";
import { UI_ROUTES } from "./routes/ui_routes.ts";

/** How long after a request the end of its connection is read, if both have arrived before. */
const NOTICE_CLOSED_MS = 20;
/** Turns of the event loop after that: a process that had no core meanwhile finds the time over before it reads anything. */
const NOTICE_CLOSED_TURNS = 4;
/** A status that no client reads. */
const CLIENT_GONE = 499;

/** What the router needs. */
export interface RouterOptions extends Omit<RouteTargets, "description"> {
  readonly bodyLimits: BodyLimits;
  /** The gate of the routes that may wait. */
  readonly gate: RequestGate;
  readonly watch: Pick<LoopWatch, "stoodStill">;
  /** The rate of requests without a valid token, from all clients together. */
  readonly unauthenticatedPerSecond: number;
  readonly clock: () => number;
  readonly log: Logger;
  /** Records the outcome and the duration of each request. @default nothing is recorded */
  readonly observe?: Observe;
}

/** What Hono keeps for a request: its token, after the check. */
type Env = { Variables: { caller: TokenRow } };

/** Creates the app that serves all routes. */
export function createRouter(options: RouterOptions): Hono<Env> {
  let description: string | undefined;
  const targets: RouteTargets = {
    ...options,
    // Made on demand: it takes some 10 ms, for which requests would wait at a change of the leader.
    description: () => description ??= JSON.stringify(describeApi(options.version)),
  };
  const app = new Hono<Env>();
  const observe = options.observe ?? unobserved;
  const countUnauthenticated = limitUnauthenticated(options);
  const methods = new Map<string, string[]>();
  for (const [key, route] of Object.entries({ ...ROUTES, ...UI_ROUTES })) {
    const [method, path] = key.split(" ") as [string, string];
    methods.set(path, [...methods.get(path) ?? [], method]);
    const authorize = authorizer(options, route, countUnauthenticated);
    const serve = async (c: Context<Env>): Promise<Response> => {
      authorize(c);
      if (route.needsState) options.state.assertKept();
      if (route.cost !== undefined) {
        await options.gate.enter(route.cost);
        if (options.watch.stoodStill && await hasGone(c.req.raw)) {
          return new Response(null, { status: CLIENT_GONE });
        }
      }
      return await respond(c, route, targets, options);
    };
    // One handler and no middleware: each would be another promise.
    app.on(method, path, measured(observe, key, tracedRoute(key, serve)));
  }
  for (const [path, allowed] of methods) {
    refuseOthers(app, path, allowed.sort().join(", "), observe);
  }
  app.notFound((c) => {
    observe("rfaas_manager_requests_total", 1, OTHER, "not-found");
    return refusalResponse(c, notFound("path", c.req.path));
  });
  app.onError((error, c) => {
    const refusal = refusalOf(error);
    if (refusal !== undefined) return refusalResponse(c, refusal);
    options.log.error("Request {method} {path} failed: {error}", {
      method: c.req.method,
      path: c.req.path,
      error,
    });
    const message = "Cannot answer request: the resource manager failed";
    return c.json({ error: { code: "internal", message } }, 500);
  });
  return app;
}

function refusalOf(error: unknown): RefusalError | undefined {
  return error instanceof RefusalError ? error : refusalOfStore(error);
}

/** Records each request of a route as a span of the trace that the request names, where traces are recorded. */
function tracedRoute(
  route: string,
  serve: (c: Context<Env>) => Promise<Response>,
): (c: Context<Env>) => Promise<Response> {
  if (otelApi() === undefined) return serve;
  const [method, path] = route.split(" ") as [string, string];
  const attributes = { "http.request.method": method, "http.route": path };
  return async (c) => {
    const parent = parseTraceparent(c.req.header("traceparent"));
    return await withSpan(route, { parent, attributes }, async (span) => {
      const response = await serve(c);
      span?.setAttributes({ "http.response.status_code": response.status });
      return response;
    });
  };
}

/** Records each request of a route when it has its response. */
function measured(
  observe: Observe,
  route: string,
  serve: (c: Context<Env>) => Promise<Response>,
): (c: Context<Env>) => Promise<Response> {
  return async (c) => {
    const startMs = performance.now();
    let code = "internal";
    try {
      const response = await serve(c);
      code = response.status === CLIENT_GONE ? "gone" : "ok";
      return response;
    } catch (error) {
      code = refusalOf(error)?.code ?? code;
      throw error;
    } finally {
      const seconds = (performance.now() - startMs) / 1000;
      observe("rfaas_manager_requests_total", 1, route, code);
      observe("rfaas_manager_request_duration_seconds", seconds, route);
    }
  };
}

/** Whether the client of a request that arrived while this process stood still has closed its connection since. */
async function hasGone({ signal }: Request): Promise<boolean> {
  await delay(NOTICE_CLOSED_MS, undefined, { signal }).catch(() => {});
  for (let n = 0; n < NOTICE_CLOSED_TURNS && !signal.aborted; n++) await turn();
  return signal.aborted;
}

async function respond(
  c: Context<Env>,
  { body: schema, roles, response: [status], handle }: Route,
  targets: RouteTargets,
  { tokens, bodyLimits }: RouterOptions,
): Promise<Response> {
  let body: unknown;
  if (schema !== undefined) {
    body = await readJson(c.req.raw, schema, bodyLimits);
    if (roles.length > 0) tokens.assertActive(c.var.caller);
  }
  const result = await handle(targets, {
    body,
    get caller() {
      return c.var.caller;
    },
    get query() {
      return c.req.query();
    },
    get signal() {
      return c.req.raw.signal;
    },
    param: (name) => c.req.param(name)!,
    header: (name) => c.req.header(name),
  });
  if (result instanceof Response) return result;
  return status === 204 ? c.body(null, status) : c.json(result, status);
}

/** One bucket for all clients without a valid token, since anything that distinguishes them can be forged. */
function limitUnauthenticated(
  { unauthenticatedPerSecond, clock }: RouterOptions,
): () => void {
  let bucket: RateLimit | undefined;
  return () => {
    bucket ??= new RateLimit(unauthenticatedPerSecond, clock());
    bucket.take(clock(), "all clients without a valid token");
  };
}

function authorizer(
  { tokens }: RouterOptions,
  { roles, cost, needsToken = false }: Route,
  countUnauthenticated: () => void,
): (c: Context<Env>) => void {
  return (c) => {
    if (roles.length === 0) {
      // Without a cost, the response takes no more than a refusal: a probe gets it under a stranger's flood.
      if (cost !== undefined) countUnauthenticated();
    } else {
      const authorization = c.req.header("authorization");
      const caller = tokens.find(authorization);
      if (caller === undefined) {
        countUnauthenticated();
        throw unauthorized();
      }
      if (!roles.includes(caller.role)) {
        const state = `this needs the role ${roles.join(" or ")}, the token has ${caller.role}`;
        throw new RefusalError(403, "forbidden", `Cannot accept request: ${state}`);
      }
      if (needsToken && tokens.isSession(authorization)) {
        const state = "this needs a token, a session does not suffice";
        throw new RefusalError(403, "forbidden", `Cannot accept request: ${state}`);
      }
      c.set("caller", caller);
    }
  };
}

/** Registered after the methods of a path, so that it matches only others. */
function refuseOthers(app: Hono<Env>, path: string, allowed: string, observe: Observe): void {
  app.all(path, (c) => {
    observe("rfaas_manager_requests_total", 1, OTHER, "bad-method");
    c.header("allow", allowed);
    const message = `Cannot ${c.req.method} ${path}: allowed methods are ${allowed}`;
    return refusalResponse(c, new RefusalError(405, "bad-method", message));
  });
}

function refusalResponse(c: Context<Env>, refusal: RefusalError): Response {
  if (refusal.status === 401) c.header("www-authenticate", "Bearer");
  if (refusal.retryAfterSeconds !== undefined) {
    c.header("retry-after", String(refusal.retryAfterSeconds));
  }
  // The rest of the body is not read, so the connection cannot be used again.
  if (refusal.status === 408 || refusal.status === 413) c.header("connection", "close");
  return c.json({ error: { code: refusal.code, message: refusal.message } }, refusal.status);
}
