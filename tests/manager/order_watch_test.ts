import { assert, assertEquals } from "@std/assert";
import { watchOrders } from "../../manager/executor/order_watch.ts";
import { ManagerUnreachable } from "../../runtime/errors.ts";

/** Watches until it has asked so often; gives how long that took, and how often there was news. */
async function watch(asks: number, answer: (ask: number, since?: number) => number) {
  const ending = new AbortController();
  const sinceMs = performance.now();
  let asked = 0;
  let news = 0;
  await watchOrders({
    client: {
      // deno-lint-ignore require-await -- it rejects where it throws
      awaitOrders: async (_node, { since }) => {
        if (++asked === asks) ending.abort();
        return { revision: answer(asked, since) };
      },
    },
    standing: () => ({ node: "a", epoch: 1 }),
    news: () => news++,
    signal: ending.signal,
  });
  return { ms: performance.now() - sinceMs, news };
}

Deno.test("watchOrders() asks ever more rarely while it fails", async () => {
  const { ms, news } = await watch(3, () => {
    throw new ManagerUnreachable("Cannot reach it");
  });
  assert(ms >= 1400, `${ms} ms`); // 500 and 1000, and a timer may be a little early
  assertEquals(news, 0);
});

Deno.test("watchOrders() is no busy loop, whatever is answered, and tells of another revision alone", async () => {
  const always = await watch(10, (ask) => ask);
  assert(always.ms >= 170, `${always.ms} ms`);
  assertEquals(always.news, 10);
  const never = await watch(10, () => 7);
  assert(never.ms >= 170, `${never.ms} ms`);
  assertEquals(never.news, 1, "the first answer");
});
