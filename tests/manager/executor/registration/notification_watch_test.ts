import { assert, assertEquals } from "@std/assert";
import { watchNotifications } from "../../../../manager/executor/registration/notification_watch.ts";
import { ManagerUnreachableError } from "../../../../runtime/errors.ts";

/** Watches for this number of polls. Returns how long they took, and how many reported a notification. */
async function watch(polls: number, respond: (poll: number, since?: number) => number) {
  const ending = new AbortController();
  const sinceMs = performance.now();
  let polled = 0;
  let notifications = 0;
  await watchNotifications({
    client: {
      // deno-lint-ignore require-await -- it rejects where it throws
      awaitNotifications: async (_node, { since }) => {
        if (++polled === polls) ending.abort();
        return { revision: respond(polled, since) };
      },
    },
    identity: () => ({ node: "a", epoch: 1 }),
    onNotification: () => notifications++,
    signal: ending.signal,
  });
  return { ms: performance.now() - sinceMs, notifications };
}

Deno.test("`watchNotifications()` backs off while polls fail", async () => {
  const { ms, notifications } = await watch(3, () => {
    throw new ManagerUnreachableError("Cannot reach it");
  });
  assert(ms >= 1400, `${ms} ms`); // 500 and 1000, and a timer may be a little early
  assertEquals(notifications, 0);
});

Deno.test("`watchNotifications()` pauses between polls, and reports each new revision once", async () => {
  const changing = await watch(10, (poll) => poll);
  assert(changing.ms >= 170, `${changing.ms} ms`);
  assertEquals(changing.notifications, 10);
  const constant = await watch(10, () => 7);
  assert(constant.ms >= 170, `${constant.ms} ms`);
  assertEquals(constant.notifications, 1, "the first response");
});
