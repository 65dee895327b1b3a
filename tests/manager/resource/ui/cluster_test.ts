/** What the page keeps of the changes that it has received. */
import { assertEquals } from "@std/assert";
import { Cluster } from "../../../../manager/resource/ui/page/cluster.js";
import type { ShownNode } from "../../../../manager/resource/ui/shown_cluster.ts";
import { HOSTILE_CHANGE } from "../../../support/manager/shown_feed.ts";

/** A node whose workers got this many executors since its start. */
function node(name: string, pooled: number, cold = 0): ShownNode {
  const executors = { running: 4, waiting: 4, pooled, cold };
  return { ...HOSTILE_CHANGE.nodes[0]!, node: name, name, executors };
}

/** The starts a second in each sample. */
function startsOf(changes: readonly [second: number, nodes: ShownNode[], whole?: boolean][]) {
  const cluster = new Cluster();
  for (const [second, nodes, whole = false] of changes) {
    const { nowMs: firstMs } = HOSTILE_CHANGE;
    cluster.apply({ ...HOSTILE_CHANGE, whole, nowMs: firstMs + second * 1000, nodes, leases: [] });
  }
  return cluster.samples.map(({ pooled, cold }) => [pooled, cold]);
}

Deno.test("the starts of a hidden page are spread over the time for which it was hidden", () => {
  const starts = startsOf([
    [0, [node("a", 1000, 5)], true],
    [1, [node("a", 1003, 6)]],
    [601, [node("a", 1603, 6)], true],
    [602, [node("a", 1605, 6)]],
  ]);
  assertEquals(starts, [[0, 0], [3, 1], [1, 0], [2, 0]]);
});

Deno.test("a node that is shown first, or comes back, adds no starts of earlier times", () => {
  const lost: ShownNode = { ...node("b", 500), state: "lost" };
  const starts = startsOf([
    [0, [node("a", 10), node("b", 500)], true],
    [1, [lost]],
    [2, [node("b", 501), node("c", 900)]],
    [3, [node("b", 2)]], // it started again
    [4, [{ ...node("b", 2), executors: null }]],
    [5, [node("b", 7)]],
  ]);
  assertEquals(starts, [[0, 0], [0, 0], [1, 0], [0, 0], [0, 0], [0, 0]]);
});
