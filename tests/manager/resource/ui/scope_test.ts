/** What viewers of the dashboard may see. */
import { assertEquals } from "@std/assert";
import { START_BOUNDS_MS } from "../../../../manager/resource/books/start_counts.ts";
import { SHOWN_START_MINUTES } from "../../../../manager/resource/policy.ts";
import type { Moment } from "../../../../manager/resource/ui/cluster_reader.ts";
import { Scope, scopeNameOf } from "../../../../manager/resource/ui/scope.ts";
import type { ShownChange } from "../../../../manager/resource/ui/shown_cluster.ts";

const lease = (key: number, client: string) => ({
  key,
  lease: `${key}`.repeat(32),
  client,
  workers: 2,
  memoryBytes: 1,
  issuedMs: 0,
  start: null,
});
const part = (key: number, client: string) => ({
  lease: lease(key, client),
  workers: 2,
  claimed: true,
  compute: 1,
  poll: 0,
  calls: 7.4,
});
const waiting = (client: string) => ({
  client,
  workers: 1,
  memoryBytes: 1,
  sinceMs: 0,
  untilMs: 1,
  reason: "",
});
const moment: Moment = {
  nowMs: 1,
  totals: {} as Moment["totals"],
  waiting: [waiting("ada"), waiting("grace")],
  nodes: [{
    node: "n".repeat(32),
    name: "n1",
    state: "up",
    cores: 8,
    memoryBytes: 1,
    allocatedCores: 4,
    allocatedBytes: 1,
    sandbox: "none",
    epoch: 1,
    drainMs: null,
    lastSeenMs: null,
    executors: null,
    parts: [part(1, "ada"), part(2, "grace")],
  }],
  starts: [{ minute: 7, pooled: [1, 0], cold: [0, 2] }],
};

function seenBy(role: "operator" | "client", name: string) {
  const scope = new Scope(scopeNameOf({ role, name }));
  scope.update(moment);
  return [scope.whole, scope.change].map((text) => {
    const { leases, waiting, nodes } = JSON.parse(text) as ShownChange;
    const clients = [leases, waiting].map((all) => all.map(({ client }) => client));
    return [...clients, nodes[0]!.parts];
  });
}

Deno.test("a client sees its own leases and requests, and of others the cores", () => {
  const own = [["ada"], ["ada"], [1, 2, 1, 50, 0, 7, 0, 2, 1, 0, 0, -1]];
  assertEquals(seenBy("client", "ada"), [own, own]);
});

Deno.test("an operator sees the leases and requests of all clients", () => {
  const all = [["ada", "grace"], ["ada", "grace"], [1, 2, 1, 50, 0, 7, 2, 2, 1, 50, 0, 7]];
  assertEquals(seenBy("operator", "ada"), [all, all]);
});

Deno.test("starts of leases are totals for all, and sent again only as they change", () => {
  const scope = new Scope(scopeNameOf({ role: "client", name: "stranger" }));
  const startsOf = (text: string) => (JSON.parse(text) as ShownChange).starts;
  const first = { minute: 7, pooled: [1, 0], cold: [0, 2] };
  const second = { minute: 8, pooled: [1, 0], cold: [0, 0] };
  scope.update(moment);
  assertEquals(startsOf(scope.change).columns, [first]);
  assertEquals(startsOf(scope.change).boundsMs, START_BOUNDS_MS);
  assertEquals(startsOf(scope.change).minutes, SHOWN_START_MINUTES);
  scope.update({ ...moment, starts: [first, second] });
  assertEquals(startsOf(scope.change).columns, [second]);
  assertEquals(startsOf(scope.whole).columns, [first, second]);
  scope.update({ ...moment, starts: [second] });
  assertEquals(startsOf(scope.change).columns, []);
  assertEquals(startsOf(scope.whole).columns, [second]);
});
