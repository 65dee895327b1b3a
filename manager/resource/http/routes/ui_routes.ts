/** The routes of the dashboard. They serve its page and may change with it, so they are no part of the HTTP interface. */
import * as v from "../../../../runtime/valibot.ts";
import { notFound } from "../../refusal.ts";
import type { TokenRow } from "../../store/store.ts";
import { assetResponse } from "../../ui/assets.ts";
import { route, type Routes, type RouteTargets } from "../route.ts";

/** The text of a session or of a link. */
const secretText = v.pipe(v.string(), v.regex(/^rfaas_(session|link)_[A-Za-z0-9_-]{43}$/));

const sessionSchema = v.object({
  session: secretText,
  role: v.picklist(["operator", "client"]),
  name: v.string(),
  untilMs: v.number(),
  version: v.string(),
});

const LIVE_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no", // a proxy that collects responses would hold back each message
  "x-content-type-options": "nosniff",
};

export const UI_ROUTES: Routes = {
  "GET /ui": route({
    summary: "Leads to the dashboard.",
    roles: [],
    response: [200, null],
    handle: () => new Response(null, { status: 308, headers: { location: "ui/" } }),
  }),
  "GET /ui/": route({
    summary: "Returns the page of the dashboard.",
    roles: [],
    response: [200, null],
    handle: (_targets, { header }) => assetResponse("", header("if-none-match")),
  }),
  "POST /ui/session": route({
    summary: "Begins a session for the token of the request.",
    roles: ["operator", "client"],
    needsToken: true,
    response: [201, sessionSchema],
    handle: (targets, { caller }) => beginSession(targets, caller),
  }),
  "POST /ui/session/link": route({
    summary: "Begins a session by a one-time link.",
    cost: 1,
    roles: [],
    body: v.object({ code: secretText }),
    response: [201, sessionSchema],
    handle: (targets, { body }) => beginSession(targets, targets.tokens.useLink(body.code)),
  }),
  "POST /ui/session/end": route({
    summary: "Ends a session.",
    roles: ["operator", "client"],
    body: v.object({ session: secretText }),
    response: [204, null],
    handle: ({ tokens }, { body }) => tokens.endSession(body.session),
  }),
  "POST /ui/links": route({
    summary: "Creates a one-time link for the token of the request.",
    roles: ["operator", "client"],
    needsToken: true,
    response: [201, v.object({ code: secretText })],
    handle: ({ tokens }, { caller }) => ({ code: tokens.createLink(caller) }),
  }),
  "GET /ui/live": route({
    summary: "Streams what the dashboard shows, as server-sent events.",
    roles: ["operator", "client"],
    response: [200, null],
    handle: ({ live }, { caller }) => new Response(live.open(caller), { headers: LIVE_HEADERS }),
  }),
  // After all others below /ui, which it would match.
  "GET /ui/:file": route({
    summary: "Returns a file of the dashboard.",
    roles: [],
    response: [200, null],
    handle: (_targets, { param, header }) => {
      const name = param("file");
      const response = assetResponse(name, header("if-none-match"));
      if (response === undefined) throw notFound("path", `/ui/${name}`);
      return response;
    },
  }),
};

function beginSession({ tokens, version }: RouteTargets, caller: TokenRow) {
  return { ...tokens.beginSession(caller), role: caller.role, name: caller.name, version };
}
