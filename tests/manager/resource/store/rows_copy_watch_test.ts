/** The copy of the rows that a standby keeps, as it follows etcd's watch. */
import { assertEquals, assertRejects } from "@std/assert";
import type { EtcdClient } from "../../../../manager/resource/store/etcd/etcd_client.ts";
import { EtcdUnreachableError } from "../../../../manager/resource/store/etcd/etcd_errors.ts";
import type { Stored } from "../../../../manager/resource/store/etcd/etcd_messages.ts";
import {
  COPY_AGAIN_MS,
  COPY_EVERY_MS,
} from "../../../../manager/resource/store/etcd/etcd_policy.ts";
import { type CopyClient, RowsCopy } from "../../../../manager/resource/store/etcd/rows_copy.ts";
import {
  copyOf,
  notNeeded,
  row,
  testsOnEtcd,
  TIMEOUT_MS,
  valuesOf,
  write,
} from "../../../support/manager/copied_rows.ts";
import { VirtualClock } from "../../../support/manager/simulated_etcd.ts";
import { until } from "../../../support/waiting.ts";

const test = await testsOnEtcd();

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
      holds: (...args) => client.holds(...args),
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

test("a copy has no row whose deletion etcd does not bring", async (client, prefix) => {
  await write(client, ["a", "b"].map((name) => ({ key: prefix + name, value: "1" })));
  const { client: watched } = counted(client);
  const [begins, goes] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const watch: CopyClient["watch"] = async function* (...args) {
    begins.resolve();
    await goes.promise;
    yield* watched.watch(...args);
  };
  using copy = copyOf({ ...watched, watch }, prefix);
  copy.keep();
  await begins.promise;
  const deleted = await write(client, [{ key: `${prefix}a`, value: undefined }]);
  // etcd 3.4.23 begins after the deletion then: https://github.com/etcd-io/etcd/issues/18089
  await client.compact(deleted, TIMEOUT_MS);
  goes.resolve();
  await write(client, [{ key: `${prefix}b`, value: "2" }]);
  await until(() => valuesOf(copy)[`${prefix}b`] === "2", () => "the watch has brought it");
  const revision = await write(client, [{ key: `${prefix}end`, value: "me" }]);
  await copy.endAt(revision);
  assertEquals(valuesOf(copy), { [`${prefix}b`]: "2", [`${prefix}end`]: "me" });
});

/** A copy whose watch skips a row. `counts` returns the number of rows, or fails. */
function copyWithLostRow(counts: CopyClient["counts"]) {
  const all = [row("/a", 1), row("/lost", 2), row("/end", 3)];
  const reads: number[] = [];
  const copy = copyOf({
    changes: (_prefix, after, _timeoutMs, at) => {
      const isFirst = reads.push(after) === 1;
      const rows = isFirst ? all.slice(0, 1) : all;
      return Promise.resolve({ rows, count: rows.length, revision: at ?? (isFirst ? 1 : 3) });
    },
    ...notNeeded,
    counts,
    watch: async function* (_prefix, after, _silenceMs, signal) {
      if (after < 3) yield { rows: [row("/end", 3)], deleted: [], revision: 3 };
      else yield { rows: [row("/a", 4)], deleted: [], revision: 4 };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  });
  copy.keep();
  return { copy, reads };
}

Deno.test("a copy whose watch has lost a row reads all rows again before it ends", async () => {
  using time = new VirtualClock();
  const { copy, reads } = copyWithLostRow(() => Promise.resolve([3]));
  await time.settle(); // the watch, and its end
  await time.pass(2 * COPY_EVERY_MS);
  assertEquals([...copy.target.keys()], ["/a", "/lost", "/end"]);
  assertEquals(reads, [0, 0]);
  copy[Symbol.dispose]();
});

Deno.test("a copy that could not count the rows when its watch began counts them at its end", async () => {
  let counts = 0;
  const { copy, reads } = copyWithLostRow(() => {
    if (counts++ > 0) return Promise.resolve([3]);
    return Promise.reject(new EtcdUnreachableError("Cannot reach etcd"));
  });
  await until(() => copy.target.has("/end"), () => "the watch has brought the end");
  assertEquals([...(await copy.endAt(3)).keys()], ["/a", "/lost", "/end"]);
  assertEquals([reads, counts], [[0, 0], 2]);
});

Deno.test("a copy counts rows once for each watch, and trusts no count of the one before", async () => {
  let [counts, watches] = [0, 0];
  const ended = Promise.withResolvers<void>();
  const copy = copyOf({
    changes: (_prefix, after) =>
      Promise.resolve({ rows: after === 0 ? [row("/a", 1)] : [], count: 1, revision: after + 1 }),
    ...notNeeded,
    counts: () => {
      if (++counts !== 2) return Promise.resolve([counts === 1 ? 1 : 2]);
      return Promise.reject(new EtcdUnreachableError("Cannot reach etcd"));
    },
    watch: async function* (_prefix, after, _silenceMs, signal) {
      const isFirst = ++watches === 1;
      const key = isFirst ? "/a" : "/end";
      for (const revision of [after + 1, after + 2]) {
        yield { rows: [row(key, revision)], deleted: [], revision };
      }
      const stopped = new Promise((resolve) => signal.addEventListener("abort", resolve));
      await (isFirst ? ended.promise : stopped);
    },
  });
  copy.keep();
  await until(() => copy.target.get("/a")?.revision === 3, () => "the first watch");
  assertEquals(counts, 1);
  ended.resolve();
  await until(() => copy.target.get("/end")?.revision === 6, () => "the second watch");
  assertEquals(counts, 2);
  assertEquals([...(await copy.endAt(6)).keys()], ["/a", "/end"]);
  assertEquals(counts, 3);
});

Deno.test("a copy notifies of each write and deletion of its end key, also where its target cannot follow", async () => {
  const messages = [
    { rows: [], deleted: ["/a"], revision: 2 },
    { rows: [row("/end", 3)], deleted: [], revision: 3 },
    { rows: [], deleted: ["/end"], revision: 4 },
    { rows: [row("/bad", 5), row("/end", 5)], deleted: [], revision: 5 },
  ];
  let notices = 0;
  const seen: number[] = [];
  const target = {
    apply: (rows: readonly Stored[]) => {
      if (rows.some(({ key }) => key === "/bad")) throw new Error("wrong key");
    },
  };
  const client = {
    changes: () => Promise.resolve({ rows: [], count: 0, revision: 1 }),
    ...notNeeded,
    counts: () => Promise.resolve([0]),
    watch: async function* () {
      for (const message of messages) {
        yield message;
        seen.push(notices);
      }
    },
  } satisfies CopyClient;
  using copy = new RowsCopy(client, "/", "/end", () => target, () => notices++);
  copy.keep();
  await until(() => notices >= 3, () => `${notices} notices`);
  assertEquals([seen, notices], [[0, 1, 2], 3]);
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

Deno.test("a copy whose watch ends after a long time reads at once, however long it has read before", async () => {
  using time = new VirtualClock();
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const beganMs: number[] = [];
  using copy = copyOf({
    ...notNeeded,
    changes: async () => {
      beganMs.push(performance.now());
      await pause(400);
      return { rows: [], count: 0, revision: beganMs.length };
    },
    // deno-lint-ignore require-yield -- it brings nothing
    watch: async function* () {
      await pause(8000);
    },
  });
  copy.keep();
  await time.pass(17_500);
  // There would be no watch for 7.6 s otherwise.
  assertEquals(beganMs, [0, 8400, 16_800]);
});

Deno.test("a copy that has waited for a stopped member reads again within ten seconds", async () => {
  using time = new VirtualClock();
  const beganMs: number[] = [];
  using copy = copyOf({
    ...notNeeded,
    changes: async () => {
      beganMs.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, 5000));
      throw new EtcdUnreachableError("Cannot reach etcd");
    },
  });
  copy.keep();
  await time.pass(30_000);
  assertEquals(beganMs, [0, 15_000, 30_000]);
});

Deno.test("a copy without a watch reads again sooner after a failure than after a success", async () => {
  using time = new VirtualClock();
  const beganMs: number[] = [];
  using copy = copyOf({
    ...notNeeded,
    changes: (_prefix, after) => {
      const count = beganMs.push(performance.now());
      if (count <= 2) return Promise.reject(new EtcdUnreachableError("Cannot reach etcd"));
      return Promise.resolve({ rows: [], count: 0, revision: after + 1 });
    },
  });
  copy.keep();
  await time.settle();
  await time.pass(700);
  const first = 2 * COPY_AGAIN_MS;
  assertEquals(beganMs, [
    0,
    COPY_AGAIN_MS,
    first,
    first + COPY_EVERY_MS,
    first + 2 * COPY_EVERY_MS,
  ]);
});
