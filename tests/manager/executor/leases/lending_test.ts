import { assertEquals } from "@std/assert";
import { Capacity } from "../../../../manager/executor/leases/capacity.ts";
import { leasesBeyond, Lending } from "../../../../manager/executor/leases/lending.ts";
import type { NodeLease } from "../../../../manager/executor/leases/node_lease.ts";
import type { NodeLeases } from "../../../../manager/executor/leases/node_leases.ts";
import { until } from "../../../support/waiting.ts";

const chosen = (sizes: readonly number[], excess: number) =>
  leasesBeyond(sizes.map((workers) => ({ workers })), excess)
    .map(({ workers }) => workers);

Deno.test("`leasesBeyond()` chooses few leases, and the smallest that is enough", () => {
  assertEquals(chosen([4, 2, 1], 0), []);
  assertEquals(chosen([4, 2, 1], 1), [1]);
  assertEquals(chosen([4, 2, 1], 3), [4]);
  assertEquals(chosen([4, 2, 1], 5), [4, 1]);
  assertEquals(chosen([4, 2, 1], 7), [4, 2, 1]);
  assertEquals(chosen([1], 9), [1]);
});

/** A node with leases of these sizes, which records what happens to them. */
function fakeNode(cores: number, ...sizes: number[]) {
  const events: string[] = [];
  const capacity = new Capacity(cores, 1000);
  const running = new Map<string, NodeLease>();
  const end = new Map<string, () => void>();
  for (const [i, workers] of sizes.entries()) {
    const id = "abc"[i]!;
    const free = capacity.take(workers, 0);
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = promise.then(() => {
      free();
      running.delete(id);
    });
    end.set(id, resolve);
    const lease = {
      id,
      workers,
      ended,
      drain: (graceMs: number) => events.push(`${id} drains ${graceMs}`),
      undrain: () => events.push(`${id} stays`),
      end: () => {
        events.push(`${id} ends`);
        resolve();
      },
    };
    running.set(id, lease as unknown as NodeLease);
  }
  const pool = {
    open: () => events.push("pool opens"),
    pause: () => Promise.resolve(void events.push("pool pauses")),
  };
  const leases = { running, refusing: undefined } as unknown as NodeLeases;
  const onSettled = () => events.push("settled");
  const lending = new Lending({ leases, capacity, pool, onSettled });
  const take = () => events.splice(0);
  return { lending, leases, capacity, end: (id: string) => end.get(id)!(), take };
}

Deno.test("a node that lends fewer cores moves the leases beyond them, and ends those that are left", async () => {
  const { lending, capacity, take } = fakeNode(4, 2, 1);
  lending.apply({ cores: 4, graceMs: 0 });
  lending.apply({ cores: 3, graceMs: 0 });
  assertEquals(take(), []);
  lending.apply({ cores: 2, graceMs: 0 });
  assertEquals(take(), ["b drains 0"]);
  lending.apply({ cores: 2, graceMs: 0 }); // a repeated response
  await until(() => capacity.excessCores === 0, () => "the lease has left");
  assertEquals(take(), ["b ends", "settled"]);
});

Deno.test("a lease that had to move stays once another has ended, or the node lends more", async () => {
  const { lending, end, capacity, take } = fakeNode(4, 2, 1, 1);
  lending.apply({ cores: 3, graceMs: 60_000 });
  assertEquals(take(), ["b drains 60000"]);
  lending.apply({ cores: 4, graceMs: 60_000 });
  await until(() => take().includes("settled"), () => "it is settled");
  lending.apply({ cores: 3, graceMs: 60_000 });
  assertEquals(take(), ["b drains 60000"]);
  end("a");
  await until(() => capacity.usedCores === 2, () => "a has ended");
  await until(() => take().join() === "b stays,settled", () => "b stays");
  lending.close();
});

Deno.test("a lease stays where an admission under way has the cores beyond those that the node lends", () => {
  const { lending, capacity, take } = fakeNode(4, 2);
  capacity.take(2, 0);
  lending.apply({ cores: 3, graceMs: 60_000 });
  assertEquals([capacity.excessCores, ...take()], [1]);
});

Deno.test("a shorter grace period shortens a move that goes on", async () => {
  const { lending, capacity, take } = fakeNode(4, 2, 1);
  lending.apply({ cores: 2, graceMs: 60_000 });
  lending.apply({ cores: 2, graceMs: 70_000 });
  assertEquals(take(), ["b drains 60000"]);
  lending.apply({ cores: 2, graceMs: 1 });
  await until(() => capacity.excessCores === 0, () => "the lease has left");
  await until(() => take().join() === "b ends,settled", () => "it is settled");
  lending.close();
});

Deno.test("a drain with a shorter grace period shortens one that goes on", async () => {
  const { lending, leases, take } = fakeNode(4, 2);
  lending.apply({ cores: 0, graceMs: 60_000 });
  lending.apply({ cores: 0, graceMs: 70_000 });
  assertEquals(take(), ["a drains 60000", "pool pauses"]);
  assertEquals(leases.refusing, "the node drains");
  lending.apply({ cores: 0, graceMs: 1 });
  await until(() => leases.running.size === 0, () => "it has ended");
  assertEquals(take().filter((event) => event !== "settled"), ["a ends"]);
  lending.apply({ cores: 2, graceMs: 1 });
  assertEquals([leases.refusing, ...take().filter((event) => event !== "settled")], [
    undefined,
    "pool opens",
  ]);
});

Deno.test("a drain for good goes on although the resource manager lends the node", async () => {
  const { lending, leases, end } = fakeNode(4, 2);
  const drained = lending.drainForGood(60_000);
  lending.apply({ cores: 4, graceMs: 0 });
  lending.apply({ cores: 0, graceMs: 0 });
  assertEquals(leases.refusing, "the node drains");
  end("a");
  await drained;
});

Deno.test("a drain for good shortens a drain that goes on", async () => {
  const { lending, leases, take } = fakeNode(4, 2);
  lending.apply({ cores: 0, graceMs: 60_000 });
  await lending.drainForGood(1);
  assertEquals(leases.running.size, 0);
  assertEquals(take().filter((event) => event !== "settled").at(-1), "a ends");
});

Deno.test("a lease that has to move leaves in its own time although the node drains, and stays for no other's end", async () => {
  const { lending, end, capacity, leases, take } = fakeNode(4, 2, 1, 1);
  lending.apply({ cores: 3, graceMs: 50_000 });
  lending.apply({ cores: 0, graceMs: 60_000 });
  assertEquals(take(), ["b drains 50000", "a drains 60000", "c drains 60000", "pool pauses"]);
  end("a"); // then no core is in use beyond the 3 that it lent
  await until(() => capacity.usedCores === 2, () => "a has ended");
  end("c");
  await until(() => leases.running.size === 1, () => "c has ended");
  assertEquals(take(), [], "b still has to leave, and the node is not settled");
  lending.apply({ cores: 0, graceMs: 1 });
  await until(() => leases.running.size === 0, () => "b has left");
  await until(() => take().join() === "b ends,settled", () => "it is settled");
});

Deno.test("leases are chosen anew when a node lends fewer cores after a drain, also as many as before it", async () => {
  const { lending, leases, capacity, take } = fakeNode(4, 2, 1, 1);
  lending.apply({ cores: 3, graceMs: 60_000 });
  lending.apply({ cores: 0, graceMs: 60_000 });
  take();
  lending.apply({ cores: 3, graceMs: 60_000 });
  assertEquals(take().sort(), ["a stays", "b drains 60000", "b stays", "c stays", "pool opens"]);
  assertEquals([leases.refusing, capacity.lentCores], [undefined, 3]);
  lending.apply({ cores: 3, graceMs: 1 });
  await until(() => capacity.excessCores === 0, () => "the lease has left");
  assertEquals([...leases.running.keys()], ["a", "c"]);
  lending.close();
});

Deno.test("leases stay when a node lends all of its cores after a move and a drain", () => {
  const { lending, capacity, take } = fakeNode(4, 2, 1, 1);
  lending.apply({ cores: 3, graceMs: 60_000 });
  lending.apply({ cores: 0, graceMs: 60_000 });
  take();
  lending.apply({ cores: 4, graceMs: 60_000 });
  assertEquals(take().sort(), ["a stays", "b stays", "c stays", "pool opens"]);
  assertEquals(capacity.lentCores, 4);
  lending.close();
});

Deno.test("a drain for good does not end before the leases that had to move before it", async () => {
  const { lending, leases, end, take } = fakeNode(4, 3, 1);
  lending.apply({ cores: 3, graceMs: 60_000 });
  const drained = lending.drainForGood(60_000).then(() => take());
  lending.apply({ cores: 2, graceMs: 0 }); // has no effect
  assertEquals(take(), ["b drains 60000", "a drains 60000", "pool pauses"]);
  end("a");
  await until(() => leases.running.size === 1, () => "a has ended");
  assertEquals(take(), []);
  end("b");
  assertEquals(await drained, ["settled"]);
});

Deno.test("a lease that leaves for a request of a higher class is listed once, and stays once it is not listed", async () => {
  const { lending, capacity, take, end } = fakeNode(4, 2, 1, 1);
  const leave = (...ids: string[]) =>
    lending.leave(ids.map((lease) => ({ lease, graceMs: 60_000 })));
  leave();
  leave("a", "x");
  leave("a", "b");
  assertEquals(take(), ["a drains 60000", "b drains 60000"]);
  leave("b");
  leave("b");
  assertEquals(take(), ["a stays"]);
  end("b");
  await until(() => capacity.usedCores === 3, () => "b has ended");
  leave("a");
  assertEquals(take(), ["a drains 60000"], "it may have to leave again");
  leave();
  assertEquals(take(), ["a stays"]);
  lending.leave([{ lease: "c", graceMs: 1 }]);
  await until(() => take().includes("c ends"), () => "the grace period is over");
  lending.close();
});

Deno.test("a lease has to leave once, whether a higher class, fewer cores or a drain is the reason", () => {
  const { lending, take } = fakeNode(4, 2, 1, 1);
  lending.leave([{ lease: "b", graceMs: 60_000 }]);
  lending.apply({ cores: 3, graceMs: 60_000 });
  assertEquals(take(), ["b drains 60000"], "b is enough for the core that is not lent");
  lending.leave([]);
  assertEquals(take(), [], "it still has to leave, since the node lends fewer cores");
  lending.apply({ cores: 0, graceMs: 60_000 });
  lending.leave([{ lease: "a", graceMs: 60_000 }]);
  assertEquals(take(), ["a drains 60000", "c drains 60000", "pool pauses"]);
  lending.apply({ cores: 4, graceMs: 60_000 });
  lending.leave([]);
  assertEquals(take().sort(), ["a stays", "b stays", "c stays", "pool opens"]);
  lending.close();
});
