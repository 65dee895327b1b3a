/** What a resource manager streams of its cluster, checked: any process may have sent it. */

import { count } from "../../runtime/http/api_fields.ts";
import * as v from "../../runtime/valibot.ts";
import type { ShownChange } from "../../manager/resource/ui/shown_cluster.ts";

/** What of a message `rfaas top` shows. */
export type TopChange = Omit<ShownChange, "starts">;

const number = v.pipe(v.number(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
const whole = count(0);

/** The numbers of a part, one after the other: see ShownParts. */
export const PART_NUMBERS = 6;

const totals = v.object({
  nodes: v.object({ up: whole, draining: whole, lost: whole }),
  cores: whole,
  allocatedCores: whole,
  computeCores: number,
  pollCores: number,
  calls: number,
  memoryBytes: whole,
  allocatedBytes: whole,
  waitingExecutors: whole,
  pooledStarts: whole,
  coldStarts: whole,
  leases: whole,
  waiting: whole,
  longestWaitMs: number,
});

const waiting = v.object({
  client: v.string(),
  workers: whole,
  memoryBytes: whole,
  sinceMs: number,
  untilMs: number,
  reason: v.string(),
});

const node = v.object({
  node: v.string(),
  name: v.string(),
  state: v.picklist(["up", "draining", "lost"]),
  cores: whole,
  memoryBytes: whole,
  allocatedCores: whole,
  allocatedBytes: whole,
  sandbox: v.string(),
  epoch: whole,
  drainMs: v.nullable(whole),
  lastSeenMs: v.nullable(number),
  executors: v.nullable(v.object({ running: whole, waiting: whole, pooled: whole, cold: whole })),
  parts: v.pipe(
    v.array(count(-1)),
    v.check((parts) => parts.length % PART_NUMBERS === 0, `expected ${PART_NUMBERS} for each part`),
  ),
});

const start = v.object({
  waitMs: number,
  reachMs: number,
  admitMs: number,
  bootMs: number,
  startMs: number,
});

const lease = v.object({
  key: whole,
  lease: v.string(),
  client: v.string(),
  workers: whole,
  memoryBytes: whole,
  issuedMs: number,
  start: v.optional(v.nullable(start), null),
});

const change: v.GenericSchema<unknown, TopChange> = v.object({
  whole: v.boolean(),
  nowMs: number,
  totals,
  waiting: v.array(waiting),
  nodes: v.array(node),
  goneNodes: v.array(v.string()),
  leases: v.array(lease),
  goneLeases: v.array(whole),
});

/**
 * Reads one message.
 *
 * @throws {TypeError} If it has another form.
 */
export function readChange(text: string): TopChange {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new TypeError("its message is not JSON");
  }
  const checked = v.safeParse(change, json);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const field = issue.path?.map((item) => String(item.key)).join(".") ?? "message";
  throw new TypeError(`its message is not valid: field ${field}: ${issue.message}`);
}
