/** The pages of the lists over HTTP. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../../mod.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { MAX_PAGE_ENTRIES, type Page, type PageQuery } from "../../../../runtime/http/page_api.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";

const small = { workers: 1, memoryBytes: 1, termMs: 60_000 };

/** The entries of all pages, and the number of entries on each. */
async function readPages<L extends Page, E>(
  limit: number,
  read: (query: PageQuery) => Promise<L>,
  entriesOf: (list: L) => readonly E[],
): Promise<{ entries: E[]; sizes: number[] }> {
  const entries: E[] = [];
  const sizes: number[] = [];
  let page = await read({ limit });
  for (;;) {
    entries.push(...entriesOf(page));
    sizes.push(entriesOf(page).length);
    if (page.next === undefined) return { entries, sizes };
    page = await read({ limit, after: page.next });
  }
}

Deno.test("leases, nodes and tokens are listed in pages, each entry once and in order", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  for (const name of ["c", "a", "b", "e", "d"]) await test.register(name);
  const leases: string[] = [];
  for (let i = 0; i < 7; i++) {
    leases.push((await test.client.takeLease(small)).lease);
    if (i % 3 === 0) clock.nowMs++; // others have the same time
  }
  await test.operator.createToken({ role: "client", name: "other" });
  const { operator } = test;

  const nodes = await readPages(2, (query) => operator.nodePage(query), ({ nodes }) => nodes);
  assertEquals(nodes.sizes, [2, 2, 1]);
  assertEquals(nodes.entries.map(({ name }) => name), ["a", "b", "c", "d", "e"]);

  const all = (await operator.leases()).leases.map(({ lease }) => lease);
  assertEquals(all.toSorted(), leases.toSorted());
  const pages = await readPages(3, (query) => test.client.leasePage(query), (list) => list.leases);
  assertEquals(pages.sizes, [3, 3, 1]);
  assertEquals(pages.entries.map(({ lease }) => lease), all);
  assertEquals((await test.client.leasePage({ limit: 7 })).next, undefined);

  const tokens = await readPages(3, (query) => operator.tokenPage(query), (list) => list.tokens);
  assertEquals(tokens.sizes, [3, 1]);
  assertEquals(tokens.entries.map(({ name }) => name), ["client", "node", "operator", "other"]);

  // A lease that ends between two pages shifts no other.
  const { leases: [, second], next } = await operator.leasePage({ limit: 2 });
  await operator.releaseLease(second!.lease);
  const rest = await operator.leasePage({ after: next! });
  assertEquals(rest.leases.map(({ lease }) => lease), all.slice(2));
});

Deno.test("a malformed query of a list is refused with its field", async () => {
  await using test = await TestManager.start();
  const { operator } = test;
  for (const query of [{ limit: 0 }, { limit: MAX_PAGE_ENTRIES + 1 }, { after: "a b" }]) {
    for (const read of ["nodePage", "leasePage", "tokenPage"] as const) {
      const refused = await assertRejects(() => operator[read](query), ManagerRefusedError);
      assertEquals([refused.status, refused.code], [400, "bad-request"]);
      assert(refused.message.includes(Object.keys(query)[0]!), refused.message);
    }
  }
});

Deno.test("`connect()` and a page cost the same however many leases a token has, and a list has all", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read });
  const count = MAX_PAGE_ENTRIES + 200;
  await test.register("a", { cores: 4096 });
  for (let taken = 0; taken < count; taken += 200) {
    await Promise.all(Array.from({ length: 200 }, () => test.client.takeLease(small)));
  }
  assertEquals((await test.client.leases()).leases.length, count);
  assertEquals((await test.client.leasePage()).leases.length, MAX_PAGE_ENTRIES);
  let bytes = 0;
  await using proxy = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (received) => {
      const { pathname, search } = new URL(received.url);
      const response = await fetch(test.url + pathname + search, { headers: received.headers });
      const body = await response.bytes();
      bytes += body.length;
      return new Response(body, { status: response.status });
    },
  );
  const manager = `http://127.0.0.1:${proxy.addr.port}`;
  const client = await connect({ manager, token: test.token("client") });
  await client.close();
  assert(bytes > 0 && bytes < 1000, `${bytes} bytes`);
});
