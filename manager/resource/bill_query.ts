/** Which bills are asked for: whose, since when, and which page of them. */
import { billCursor, billLimit, maxBillsAtOnce } from "../../runtime/http/bill_api.ts";
import { plainName, timeText } from "../../runtime/http/manager_api.ts";
import * as v from "../../runtime/valibot.ts";
import { quoted, Refusal } from "./refusal.ts";
import type { BillPlace } from "./store.ts";

export interface BillQuery {
  readonly client?: string;
  /** Those that have grown at or after this time, on the resource manager's clock. */
  readonly sinceMs?: number;
  /** Those behind this one. */
  readonly after?: BillPlace;
  readonly limit?: number;
}

/** What a query may say, and what it is called in a refusal. */
const FIELDS = {
  client: [plainName, "no name"],
  since: [timeText, "no time in milliseconds"],
  after: [billCursor, "no `next` of an answer"],
  limit: [billLimit, `not 1 to ${maxBillsAtOnce}`],
} as const;

/** What a query asks for. @throws {Refusal} 400 if it makes no sense. */
export function readBillQuery(query: Record<string, string>): BillQuery {
  for (const [name, [schema, what]] of Object.entries(FIELDS)) {
    const said = query[name];
    if (said === undefined || v.safeParse(schema, said).success) continue;
    const state = `${name} ${quoted(said)} is ${what}`;
    throw new Refusal(400, "bad-request", `Cannot list bills: ${state}`);
  }
  const { client, since, after, limit } = query;
  return {
    ...(client === undefined ? {} : { client }),
    ...(since === undefined ? {} : { sinceMs: Number(since) }),
    ...(after === undefined ? {} : { after: readCursor(after) }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}

/** A place as the text that leads behind it. */
export function cursorOf({ ms, lease, node, epoch }: BillPlace): string {
  return `${ms}.${lease}.${node}.${epoch}`;
}

function readCursor(text: string): BillPlace {
  const [ms, lease, node, epoch] = text.split(".") as [string, string, string, string];
  return { ms: Number(ms), lease, node, epoch: Number(epoch) };
}
