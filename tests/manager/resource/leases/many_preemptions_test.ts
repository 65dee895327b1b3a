/** Many requests that preempt leases at once leave time for other work. */
import { assert } from "@std/assert";
import { setImmediate } from "node:timers";
import { Preemptions } from "../../../../manager/resource/books/preemptions.ts";
import { Classes } from "../../../../manager/resource/leases/classes.ts";
import { NodeNotifications } from "../../../../manager/resource/node_notifications.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import { testLogger } from "../../../support/manager/book_context.ts";
import { FakeClock } from "../../../support/manager/test_manager.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

Deno.test("many requests that preempt leases let other work pass between any two choices", async () => {
  const { read: clock } = new FakeClock();
  const preemptions = new Preemptions({
    store: new TwiceStore(new MemoryStore()),
    clock,
    aliveSinceMs: () => 0,
    classes: new Classes({ urgent: { priority: 1, preempts: true } }),
    notifications: new NodeNotifications(clock(), 0),
    log: testLogger(),
  });
  const caller = { hash: "", role: "client", name: "eve", class: "urgent" } as const;
  // Each is smaller than those before it, so that it is looked for anew.
  const requests = Array.from({ length: 20 }, (_, i) =>
    preemptions.begin({
      caller,
      request: { workers: 20 - i, memoryBytes: 0 },
      avoid: new Set(),
      untilMs: clock() + 60_000,
    }));
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(requests.map((each) => each.preempt(() => [])));
  isOver = true;
  await new Promise((resolve) => void setImmediate(resolve));
  assert(turns >= requests.length, `${turns} turns for ${requests.length} requests`);
});
