/** An event as one line for people. */
import { type ClusterEvent, EVENT_KINDS } from "../../runtime/http/event_api.ts";
import { visibleText } from "../visible_text.ts";

/** The longest of today's events. */
const EVENT_WIDTH = Math.max(...EVENT_KINDS.map(({ length }) => length));

/** For example: `2026-11-29 12:00:00.123  lease-ended      lease 0f… of ada, on n1, expired, by resource-manager`. */
export function eventText(event: ClusterEvent): string {
  const {
    atMs,
    lease,
    client,
    workers,
    requests,
    worker,
    generation,
    node,
    nodeName = node,
    token,
    code,
    message,
    role,
  } = event;
  const time = new Date(atMs).toISOString().replace("T", " ").replace("Z", "");
  const subject = lease !== undefined
    ? [`lease ${lease}${client === undefined ? "" : ` of ${client}`}`]
    : token !== undefined
    ? [`token ${token}`]
    : [];
  const place = nodeName === undefined
    ? []
    : [`${lease === undefined ? "node" : "on"} ${nodeName}`];
  const parts = [
    ...subject,
    ...place,
    ...worker === undefined ? [] : [`worker ${worker}, executor ${generation}`],
    ...workers === undefined ? [] : [`${workers} ${workers === 1 ? "worker" : "workers"}`],
    ...requests === undefined || requests === 1 ? [] : [`${requests} requests`],
    ...code === undefined ? [] : [message === undefined ? code : `${code}: ${message}`],
    ...code === undefined && message !== undefined ? [message] : [],
    `by ${event.by === undefined ? role : `${role} ${event.by}`}`,
  ];
  return visibleText(`${time}  ${event.event.padEnd(EVENT_WIDTH)}  ${parts.join(", ")}`);
}

/** What a reader that fell behind gets in place of events. */
export function missedText(missed: number): string {
  return `${missed} ${
    missed === 1 ? "event was" : "events were"
  } dropped before this command read them`;
}
