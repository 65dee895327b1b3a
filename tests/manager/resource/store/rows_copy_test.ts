/** The copy of the rows that a standby keeps. */
import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  type Changes,
  EtcdClient,
  type Write,
} from "../../../../manager/resource/store/etcd/etcd_client.ts";
import { EtcdUnreachableError } from "../../../../manager/resource/store/etcd/etcd_errors.ts";
import type { Stored } from "../../../../manager/resource/store/etcd/etcd_messages.ts";
import {
  type CopyClient,
  type CopyTarget,
  RowsCopy,
} from "../../../../manager/resource/store/etcd/rows_copy.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../../support/manager/etcd_members.ts";
import { scaledCount } from "../../../support/time_factor.ts";
import { until } from "../../../support/waiting.ts";

const TIMEOUT_MS = 5000;
const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
globalThis.addEventListener("unload", () => etcd?.killAll());

function test(name: string, fn: (client: EtcdClient, prefix: string) => Promise<void>): void {
  Deno.test({
    name: name + needsEtcd,
    ignore: etcd === undefined,
    fn: async () => {
      using client = new EtcdClient({ members: etcd!.addresses });
      await fn(client, `/${crypto.randomUUID()}/`);
    },
  });
}

const notNeeded = {
  counts: () => Promise.reject(new Error("not needed")),
  keys: () => Promise.reject(new Error("not needed")),
  // deno-lint-ignore require-yield -- it ends
  watch: async function* () {
    throw new EtcdUnreachableError("Cannot reach etcd");
  },
} satisfies Partial<CopyClient>;

/** The rows of a copy, by their keys. */
class CopiedRows extends Map<string, Stored> implements CopyTarget {
  apply(changed: readonly Stored[], deleted: readonly string[]): void {
    for (const row of changed) this.set(row.key, row);
    for (const key of deleted) this.delete(key);
  }
}

const copyOf = (client: CopyClient, prefix = "/") =>
  new RowsCopy(client, prefix, `${prefix}end`, () => new CopiedRows());

/** The keys and values of a copy. */
const valuesOf = (copy: RowsCopy<CopiedRows>) =>
  Object.fromEntries([...copy.target.values()].map(({ key, value }) => [key, value]));

/** Writes in as many transactions as needed. @returns the last revision. */
async function write(client: EtcdClient, writes: readonly Write[]): Promise<number> {
  let last = 0;
  for (let at = 0; at < writes.length; at += 100) {
    const { revision } = await client.transact([], writes.slice(at, at + 100), [], TIMEOUT_MS);
    last = revision;
  }
  return last;
}

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

/** A client of etcd that counts the reads of rows, and whose watch can be ended. */
function counted(client: EtcdClient) {
  const reads: number[] = [];
  let cut = new AbortController();
  const watch: CopyClient["watch"] = (prefix, after, silenceMs, signal) =>
    client.watch(prefix, after, silenceMs, AbortSignal.any([signal, cut.signal]));
  return {
    reads,
    cut: () => {
      cut.abort();
      cut = new AbortController();
    },
    client: {
      watch,
      changes: (prefix, after, timeoutMs, at) => {
        reads.push(after);
        return client.changes(prefix, after, timeoutMs, at);
      },
      counts: (...args) => client.counts(...args),
      keys: (...args) => client.keys(...args),
    } satisfies CopyClient,
  };
}

test(
  "a copy follows what is written and deleted by a watch, and ends at the last write",
  async (client, prefix) => {
    await write(client, ["a", "b", "c"].map((name) => ({ key: prefix + name, value: "1" })));
    const { client: watched, reads } = counted(client);
    using copy = copyOf(watched, prefix);
    copy.keep();
    await until(() => copy.target.size === 3, () => "all rows are read");
    await write(client, [{ key: `${prefix}a`, value: "2" }, {
      key: `${prefix}b`,
      value: undefined,
    }]);
    await write(client, [{ key: `${prefix}b`, value: "3" }, {
      key: `${prefix}c`,
      value: undefined,
    }]);
    await until(() => valuesOf(copy)[`${prefix}b`] === "3", () => "the watch has brought it");
    const revision = await write(client, [{ key: `${prefix}end`, value: "me" }]);
    await copy.endAt(revision);
    const expected = { [`${prefix}a`]: "2", [`${prefix}b`]: "3", [`${prefix}end`]: "me" };
    assertEquals(valuesOf(copy), expected);
    assertEquals(reads, [0]);
    await write(client, [{ key: `${prefix}a`, value: "late" }]);
    assertEquals(valuesOf(copy), expected);
  },
);

test("a copy whose watch was cut reads what it has missed", async (client, prefix) => {
  const first = await write(client, [{ key: `${prefix}a`, value: "1" }]);
  const { client: watched, reads, cut } = counted(client);
  using copy = copyOf(watched, prefix);
  copy.keep();
  await until(() => copy.target.size === 1, () => "all rows are read");
  await write(client, [{ key: `${prefix}a`, value: "2" }]);
  await until(() => valuesOf(copy)[`${prefix}a`] === "2", () => "the watch has brought it");
  cut();
  await write(client, [{ key: `${prefix}a`, value: "3" }]);
  await until(() => valuesOf(copy)[`${prefix}a`] === "3", () => "the copy has read it");
  assertEquals(reads.slice(0, 2), [0, first + 1]);
});

test(
  "a watch that has begun in dropped versions, or brings nothing, ends",
  async (client, prefix) => {
    const watch = (after: number) => client.watch(prefix, after, 100, new AbortController().signal);
    await assertRejects(async () => await Array.fromAsync(watch(0)), EtcdUnreachableError);
    const revision = await write(client, [{ key: `${prefix}a`, value: "2" }]);
    await client.compact(revision, TIMEOUT_MS);
    const dropped = client.watch(prefix, revision - 2, TIMEOUT_MS, new AbortController().signal);
    await assertRejects(async () => await Array.fromAsync(dropped), EtcdUnreachableError);
  },
);

Deno.test("a copy whose watch has lost a row reads all rows again", async () => {
  const all = [row("/a", 1), row("/lost", 2), row("/end", 3)];
  const reads: number[] = [];
  using copy = copyOf({
    changes: (_prefix, after, _timeoutMs, at) => {
      reads.push(after);
      const rows = after === 0 && at === undefined ? all.slice(0, 1) : all;
      return Promise.resolve({ rows, count: rows.length, revision: at ?? 1 });
    },
    counts: () => Promise.resolve([3]),
    keys: notNeeded.keys,
    watch: async function* (_prefix, _after, _silenceMs, signal) {
      yield { rows: [row("/end", 3)], deleted: [], revision: 3 };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  copy.keep();
  await until(() => copy.target.has("/end"), () => "the watch has brought the end");
  assertEquals([...(await copy.endAt(3)).keys()], ["/a", "/lost", "/end"]);
  assertEquals(reads, [0, 0]);
});

Deno.test("a copy whose watch is late does not wait for it for long", async () => {
  const all = [row("/a", 1), row("/end", 3)];
  using copy = copyOf({
    ...notNeeded,
    changes: (_prefix, _after, _timeoutMs, at) => {
      const rows = at === undefined ? all.slice(0, 1) : all;
      return Promise.resolve({ rows, count: rows.length, revision: at ?? 1 });
    },
    // deno-lint-ignore require-yield -- it brings nothing
    watch: async function* (_prefix, _after, _silenceMs, signal) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  copy.keep();
  await until(() => copy.target.size === 1, () => "the first rows are read");
  assertEquals([...(await copy.endAt(3)).keys()], ["/a", "/end"]);
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

function row(key: string, revision: number) {
  return { key, value: "", revision };
}
