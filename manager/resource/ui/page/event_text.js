/** An event in words. */
import { coresOf, plural, shortId, sizesText } from "./format.js";

/** @typedef {import("../../../../runtime/http/event_api.ts").ClusterEvent} ClusterEvent */
/** @typedef {import("../../../../runtime/http/event_api.ts").EventKind} EventKind */

/** What happened, by the name of the event. @type {Readonly<Record<EventKind, string>>} */
const WORDS = {
  "lease-granted": "granted",
  "lease-refused": "refused",
  "lease-claimed": "claimed",
  "lease-preempted": "has to leave",
  "executor-ended": "lost an executor",
  "part-ended": "ended there, and goes on elsewhere",
  "lease-ended": "ended",
  "node-registered": "registered",
  "node-restarted": "restarted",
  "node-lost": "is lost",
  "node-back": "is back",
  "node-drains": "drains",
  "node-lends": "lends",
  "node-removed": "was removed",
  "token-created": "was created",
  "token-revoked": "was revoked",
  "key-created": "was created",
  "manager-started": "started to serve",
};

/** The events whose text has a color. @type {Readonly<Record<string, string>>} */
const LEVELS = {
  "lease-refused": "draining",
  "lease-preempted": "draining",
  "node-lost": "lost",
  "node-drains": "draining",
};

/** @param {ClusterEvent} event @returns {{ subject: string, what: string, level: string }} */
export function eventText(event) {
  const {
    lease,
    client,
    workers,
    requests = 1,
    worker,
    generation,
    node,
    nodeName = node,
    token,
    code,
    message,
    role,
    by,
  } = event;
  const subject = lease !== undefined
    ? `Lease ${shortId(lease)}`
    : nodeName ?? (token !== undefined
      ? `Token ${token}`
      : event.event === "lease-refused"
      ? "Lease request"
      : event.event.startsWith("key-")
      ? "Key"
      : "Resource manager");
  const parts = [WORDS[/** @type {EventKind} */ (event.event)] ?? event.event]; // a newer version may have others
  if (client !== undefined) parts.push(`of ${client}`);
  if (lease !== undefined && nodeName !== undefined) parts.push(`on ${nodeName}`);
  if (workers !== undefined) parts.push(coresOf(workers));
  if (requests > 1) parts.push(plural(requests, "request"));
  if (worker !== undefined) parts.push(`worker ${worker}, executor ${generation}`);
  const why = [code, message && sizesText(message)].filter((each) => each !== undefined).join(": ");
  if (why !== "") parts.push(why);
  if (role !== "resource-manager" && event.event !== "lease-refused") {
    parts.push(`by ${role} ${by ?? ""}`.trim());
  }
  return { subject, what: parts.join(", "), level: LEVELS[event.event] ?? "" };
}

/** What a click on an event shows. @param {ClusterEvent} event @returns {import("./app.js").Selected | undefined} */
export function selectionOf({ lease, node }) {
  if (lease !== undefined) return { kind: "lease", lease };
  return node === undefined ? undefined : { kind: "node", node };
}
