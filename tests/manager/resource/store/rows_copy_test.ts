/** The copy of the rows that a standby keeps, as it is read. */
import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import type { Changes } from "../../../../manager/resource/store/etcd/etcd_client.ts";
import { EtcdUnreachableError } from "../../../../manager/resource/store/etcd/etcd_errors.ts";
import type { Stored } from "../../../../manager/resource/store/etcd/etcd_messages.ts";
import { RowsCopy } from "../../../../manager/resource/store/etcd/rows_copy.ts";
import {
  copyOf,
  notNeeded,
  row,
  testsOnEtcd,
  TIMEOUT_MS,
  valuesOf,
  write,
} from "../../../support/manager/copied_rows.ts";
import { scaledCount } from "../../../support/time_factor.ts";
import { until } from "../../../support/waiting.ts";

const test = await testsOnEtcd();

test(
  "a copy equals the rows after each update, whatever was written and deleted",
  async (client, base) => {
    const names = fc.constantFrom("a/1", "a/2", "a/3/4", "b/1", "c", "d");
    const value = fc.option(fc.string({ maxLength: 4 }), { nil: undefined });
    const writes = fc.uniqueArray(fc.record({ name: names, value }), {
      selector: (one) => one.name,
    });
    let runs = 0;
    const property = fc.asyncProperty(
      fc.array(fc.record({ writes, updates: fc.boolean() }), { maxLength: 8 }),
      async (steps) => {
        const prefix = `${base}${runs++}/`;
        const copy = copyOf(client, prefix);
        const expected: Record<string, string> = {};
        for (const { writes, updates } of [...steps, { writes: [], updates: true }]) {
          for (const { name, value } of writes) {
            if (value === undefined) delete expected[prefix + name];
            else expected[prefix + name] = value;
          }
          await write(client, writes.map(({ name, value }) => ({ key: prefix + name, value })));
          if (!updates) continue;
          await copy.update();
          assertEquals(valuesOf(copy), expected);
        }
      },
    );
    await fc.assert(property, { numRuns: scaledCount(60, 20) });
  },
);

test("a copy of more rows than one response holds is of one revision", async (client, prefix) => {
  const keys = Array.from({ length: 4500 }, (_, n) => `${prefix}${n}`);
  const revision = await write(client, keys.map((key) => ({ key, value: "first" })));
  await write(client, keys.map((key, n) => ({ key, value: n % 2 === 0 ? "second" : undefined })));
  const copy = copyOf(client, prefix);
  await copy.endAt(revision);
  assertEquals(valuesOf(copy), Object.fromEntries(keys.map((key) => [key, "first"])));
  const later = copyOf(client, prefix);
  await later.update();
  const even = keys.filter((_, n) => n % 2 === 0);
  assertEquals(valuesOf(later), Object.fromEntries(even.map((key) => [key, "second"])));
});

Deno.test("an update that fails leaves the copy as it was, and a later one reads what it has missed", async () => {
  const replies = [
    { rows: [row("/a", 3)], count: 1, revision: 5 },
    { rows: [row("/b", 6)], count: 1, revision: 6 }, // so /a was deleted
  ];
  const revisions: number[] = [];
  const fails = new EtcdUnreachableError("Cannot reach etcd");
  let keys: () => Promise<string[]> = () => Promise.reject(fails);
  const copy = copyOf({
    changes: (_prefix, after) => {
      revisions.push(after);
      return Promise.resolve(replies[after === 0 ? 0 : 1]!);
    },
    ...notNeeded,
    counts: () => Promise.resolve([]),
    keys: () => keys(),
  });
  await copy.update();
  await assertRejects(() => copy.update(), EtcdUnreachableError);
  assertEquals([...copy.target.keys()], ["/a"]);
  keys = () => Promise.resolve(["/b"]);
  await copy.update();
  assertEquals([...copy.target.keys()], ["/b"]);
  assertEquals(revisions, [0, 5, 5]);
});

Deno.test("an update that another one has overtaken changes nothing", async () => {
  const slow = Promise.withResolvers<Changes>();
  const fast = { rows: [row("/new", 9)], count: 1, revision: 9 };
  const copy = copyOf({
    changes: (_prefix, _after, _timeoutMs, at) => at === 9 ? Promise.resolve(fast) : slow.promise,
    ...notNeeded,
  });
  const first = copy.update();
  await copy.endAt(9);
  slow.resolve({ rows: [row("/old", 4)], count: 1, revision: 4 });
  await first;
  assertEquals([...copy.target.keys()], ["/new"]);
});

Deno.test("a copy reads all rows again if etcd has been restored and has counted to less", async () => {
  const revisions: number[] = [];
  const copy = copyOf({
    changes: (_prefix, after, _timeoutMs, at) => {
      revisions.push(after);
      const isRestored = at !== undefined;
      const rows = after === 0 ? [row(isRestored ? "/restored" : "/lost", 3)] : [];
      return Promise.resolve({ rows, count: 1, revision: at ?? 90 });
    },
    ...notNeeded,
  });
  await copy.update();
  await copy.endAt(40);
  assertEquals([...copy.target.keys()], ["/restored"]);
  assertEquals(revisions, [0, 90, 0]);
});

Deno.test("a copy reads all rows again if an update saw a restored etcd, which has counted to more since", async () => {
  // As in etcd, the restored row has an older revision than the copy.
  const restored = row("/restored", 41);
  let now: Changes = { rows: [row("/lost", 80)], count: 1, revision: 90 };
  const copy = copyOf({
    changes: (_prefix, after) => {
      const rows = now.rows.filter(({ revision }) => revision > after);
      return Promise.resolve({ ...now, rows });
    },
    ...notNeeded,
    counts: () => Promise.resolve([]),
    keys: () => Promise.resolve(now.rows.map(({ key }) => key)),
  });
  await copy.update();
  now = { rows: [restored], count: 1, revision: 42 };
  await copy.update();
  now = { ...now, revision: 95 };
  await copy.endAt(95);
  assertEquals([...copy.target.keys()], ["/restored"]);
});

Deno.test("a copy reads all rows again if etcd has been restored, and counted to more before the next update", async () => {
  const restored = row("/a", 41);
  let now: Changes = { rows: [row("/a", 80), row("/b", 90)], count: 2, revision: 90 };
  let isRestored = false;
  const copy = copyOf({
    ...notNeeded,
    changes: (_prefix, after) => {
      const rows = now.rows.filter(({ revision }) => revision > after);
      return Promise.resolve({ ...now, rows });
    },
    holds: ({ key, revision }) => Promise.resolve(!isRestored && key === "/b" && revision === 90),
  });
  await copy.update();
  now = { rows: [restored, row("/b", 91)], count: 2, revision: 95 };
  isRestored = true;
  await copy.update();
  assertEquals(copy.target.get("/a"), restored);
});

test(
  "`holds()` is true of what was written only, as long as etcd has its revision",
  async (client, prefix) => {
    const key = `${prefix}a`;
    const revision = await write(client, [{ key, value: "1" }]);
    const later = await write(client, [{ key, value: "2" }]);
    const holds = (value: string, at: number) =>
      client.holds({ key, value, revision: at }, TIMEOUT_MS);
    assertEquals(await holds("1", revision), true);
    assertEquals(await holds("2", later), true);
    assertEquals(await holds("2", revision), false);
    assertEquals(await holds("2", later + 5), false);
    await client.compact(later, TIMEOUT_MS);
    assertEquals(await holds("1", revision), false);
    assertEquals(await holds("2", later), true);
  },
);

Deno.test("a copy that is kept reads changes again and again while it has no watch, until it ends", async () => {
  const revisions: number[] = [];
  const copy = copyOf({
    changes: (_prefix, after) => {
      revisions.push(after);
      if (revisions.length === 2) {
        return Promise.reject(new EtcdUnreachableError("Cannot reach etcd"));
      }
      return Promise.resolve({ rows: [], count: 0, revision: after + 1 });
    },
    ...notNeeded,
  });
  copy.keep();
  copy.keep();
  await until(() => revisions.length >= 4, () => `${revisions.length} updates`);
  copy[Symbol.dispose](); // no timer is left, which the sanitizer checks
  assertEquals(revisions.slice(0, 4), [0, 1, 1, 2]);
});

Deno.test("of folders with deleted rows, a copy reads the keys, and of no others", async () => {
  const rows = ["/e/1", "/e/2", "/l/1", "/l/2", "/own"].map((key) => row(key, 1));
  const replies = [{ rows, count: 5, revision: 1 }, {
    rows: [row("/e/3", 2)],
    count: 4,
    revision: 2,
  }];
  const folders: string[] = [];
  const copy = copyOf({
    ...notNeeded,
    changes: () => Promise.resolve(replies.shift()!),
    counts: (names) => Promise.resolve(names.map((name) => name === "/e/" ? 1 : 2)),
    keys: (folder) => {
      folders.push(folder);
      return Promise.resolve(["/e/3"]);
    },
  });
  await copy.update();
  await copy.update();
  assertEquals([...copy.target.keys()].sort(), ["/e/3", "/l/1", "/l/2", "/own"]);
  assertEquals(folders, ["/e/"]);
});

Deno.test("a copy that has ended does not change, whatever an update under way has read", async () => {
  const late = Promise.withResolvers<Changes>();
  const copy = copyOf({
    changes: (_prefix, _after, _timeoutMs, at) =>
      at === 9 ? Promise.resolve({ rows: [row("/a", 9)], count: 1, revision: 9 }) : late.promise,
    ...notNeeded,
  });
  const update = copy.update();
  assertEquals([...(await copy.endAt(9)).keys()], ["/a"]);
  late.resolve({ rows: [row("/a", 9), row("/b", 10)], count: 2, revision: 10 });
  await update;
  assertEquals([...copy.target.keys()], ["/a"]);
});

Deno.test("a copy that ends has no row that another update found, and that was deleted after it", async () => {
  const [early, late] = [Promise.withResolvers<number[]>(), Promise.withResolvers<number[]>()];
  const isCounted = Promise.withResolvers<void>();
  const copy = copyOf({
    ...notNeeded,
    changes: (_prefix, after, _timeoutMs, at) => {
      if (after === 0) return Promise.resolve({ rows: [row("/f/a", 1)], count: 1, revision: 1 });
      return Promise.resolve(
        at === undefined
          ? { rows: [row("/f/b", 5)], count: 1, revision: 6 }
          : { rows: [row("/end", 8)], count: 1, revision: 8 },
      );
    },
    counts: (_folders, revision) => {
      if (revision === 6) return early.promise;
      isCounted.resolve();
      return late.promise;
    },
    keys: (_folder, revision) => Promise.resolve(revision === 6 ? ["/f/b"] : []),
  });
  await copy.update();
  const update = copy.update();
  const ended = copy.endAt(8);
  await isCounted.promise;
  early.resolve([1]);
  await update;
  late.resolve([0]);
  assertEquals([...(await ended).keys()], ["/end"]);
});

Deno.test("a copy whose target cannot follow begins another one", async () => {
  let made = 0;
  const begin = () => ({
    number: made++,
    apply: ([row]: readonly Stored[]) => {
      if (row?.key === "/bad") throw new Error("wrong key");
    },
  });
  const replies = [row("/a", 1), row("/bad", 2), row("/a", 3)];
  const revisions: number[] = [];
  const copy = new RowsCopy(
    {
      changes: (_prefix, after) => {
        revisions.push(after);
        const next = replies.shift()!;
        return Promise.resolve({ rows: [next], count: 1, revision: next.revision });
      },
      ...notNeeded,
      counts: () => Promise.resolve([]),
      keys: () => Promise.resolve(["/bad"]),
    },
    "/",
    "/end",
    begin,
  );
  await copy.update();
  await assertRejects(() => copy.update(), Error, "wrong key");
  assertEquals((await copy.endAt(3)).number, 1);
  assertEquals(revisions, [0, 1, 0]);
});
