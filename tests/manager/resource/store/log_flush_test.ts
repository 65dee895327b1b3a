import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { LogFlush } from "../../../../manager/resource/store/sqlite/log_flush.ts";
import { SqliteStore } from "../../../../manager/resource/store/sqlite/sqlite_store.ts";
import { StateUnavailableError } from "../../../../manager/state_dir.ts";
import { StateNotKeptError } from "../../../../manager/resource/store/store_errors.ts";
import { replacedMethod } from "../../../support/replaced_method.ts";

/** A folder with a log, and the entries that have ended, in their order. */
async function makeLog() {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const path = `${dir}/state.sqlite-wal`;
  await Deno.writeTextFile(path, "log");
  const ended: string[] = [];
  const entry = (name: string, onDisk = () => {}) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    return {
      promise,
      onDisk() {
        ended.push(name);
        onDisk();
        resolve();
      },
      onFailure({ name: error }: Error) {
        ended.push(`${name}: ${error}`);
        resolve();
      },
    };
  };
  const remove = () => Deno.remove(dir, { recursive: true });
  return { path, ended, entry, [Symbol.asyncDispose]: remove };
}

Deno.test("`LogFlush` calls its entries in order, each after a flush that began when it was added", async () => {
  await using log = await makeLog();
  await using flush = new LogFlush(Deno.openSync(log.path));
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => log.entry(name));
  flush.add(a!);
  assertEquals(log.ended, [], "not before the flush");
  flush.add(b!);
  flush.follow(c!);
  await a!.promise;
  assertEquals(log.ended, ["a"], "`b` came during the flush of `a`");
  await c!.promise;
  assertEquals(log.ended, ["a", "b", "c"]);
  flush.follow(d!);
  assertEquals(log.ended, ["a", "b", "c", "d"], "nothing is left to flush");
});

Deno.test("`LogFlush` takes entries while it calls others", async () => {
  await using log = await makeLog();
  await using flush = new LogFlush(Deno.openSync(log.path));
  const inner = log.entry("inner");
  const outer = log.entry("outer", () => flush.add(inner));
  flush.add(outer);
  await inner.promise;
  assertEquals(log.ended, ["outer", "inner"]);
});

Deno.test("`LogFlush` flushes all entries when it is disposed", async () => {
  await using log = await makeLog();
  const flush = new LogFlush(Deno.openSync(log.path));
  for (const name of ["a", "b"]) flush.add(log.entry(name));
  await flush[Symbol.asyncDispose]();
  assertEquals(log.ended, ["a", "b"]);
  await flush[Symbol.asyncDispose]();
});

Deno.test("`LogFlush` fails all entries from the first failure on", async () => {
  await using log = await makeLog();
  await using flush = new LogFlush(Deno.openSync("/dev/null")); // a device that cannot be flushed
  const first = log.entry("first");
  flush.add(first);
  flush.follow(log.entry("follows"));
  await first.promise;
  flush.add(log.entry("later"));
  flush.follow(log.entry("last"));
  const names = ["first", "follows", "later", "last"];
  assertEquals(log.ended, names.map((name) => `${name}: StateNotKeptError`));
});

Deno.test("`LogFlush` fails all entries that follow one whose mark cannot be written", async () => {
  await using log = await makeLog();
  const flush = new LogFlush(Deno.openSync(log.path));
  const full = log.entry("full", () => {
    throw new Error("No space left on device");
  });
  const next = log.entry("next");
  flush.add(log.entry("before"));
  flush.add(full);
  flush.add(next);
  await next.promise;
  flush.add(log.entry("later"));
  const failed = ["full", "next", "later"].map((name) => `${name}: StateNotKeptError`);
  assertEquals(new Set(log.ended), new Set(["before", "full", ...failed]));
  await flush[Symbol.asyncDispose]();
});

Deno.test("a store is not opened if the disk does not confirm what was read", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const path = `${dir}/state.sqlite`;
  try {
    {
      using _ = replacedMethod(Deno.FsFile.prototype, "syncDataSync", () => {
        throw new Error("Input/output error");
      });
      const refused = assertThrows(() => new SqliteStore(path), StateUnavailableError);
      assertStringIncludes(refused.message, `did not confirm ${path} (Input/output error)`);
    }
    await new SqliteStore(path).close();
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a store whose log cannot be flushed rejects its changes, and makes no others", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const store = new SqliteStore(`${dir}/state.sqlite`);
  try {
    const hour = { hourMs: 1, fromMs: 0, untilMs: 1, coreMs: 1 };
    {
      using _ = replacedMethod(
        Deno.FsFile.prototype,
        "syncData",
        () => Promise.reject(new Error("Input/output error")),
      );
      await assertRejects(
        () => store.transact((tx) => tx.putLentHour(hour)),
        StateNotKeptError,
        "the disk did not confirm what was written last (Input/output error)",
      );
    }
    let runs = 0;
    await assertRejects(() => store.transact(() => void runs++), StateNotKeptError);
    assertEquals(runs, 0);
  } finally {
    await store.close();
    await Deno.remove(dir, { recursive: true });
  }
});
