/** A state folder that was damaged, emptied, opened to others or removed. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { configure, type LogRecord, reset } from "../../../manager/log.ts";
import { startResourceManager } from "../../../manager/resource/resource_manager.ts";
import { openStore } from "../../../manager/resource/store/open_store.ts";
import { SqliteStore } from "../../../manager/resource/store/sqlite/sqlite_store.ts";
import { StateDir, StateUnavailableError } from "../../../manager/state_dir.ts";
import { ManagerUnreachableError } from "../../../runtime/errors.ts";
import { leaseRow } from "../../support/manager/store_rows.ts";
import { TestManager } from "../../support/manager/test_manager.ts";
import { until } from "../../support/waiting.ts";
import { replacedMethod } from "../../support/replaced_method.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 60_000 };

/** A database with a first part that is checkpointed, and leases that are in the write-ahead log alone. */
class KilledStore implements Disposable {
  readonly dir = Deno.makeTempDirSync({ prefix: "rfaas-test-" });
  readonly path = `${this.dir}/state.sqlite`;
  readonly wal = `${this.path}-wal`;
  readonly mark = `${this.dir}/state.mark`;
  readonly older = `${this.dir}/older`;

  static async make(): Promise<KilledStore> {
    const made = new KilledStore();
    const running = Deno.makeTempDirSync({ prefix: "rfaas-test-" });
    const path = `${running}/state.sqlite`;
    const first = new SqliteStore(path);
    await first.transact((tx) => tx.putLease(leaseRow("0")));
    await first.close();
    Deno.copyFileSync(path, made.older);
    const second = new SqliteStore(path);
    for (let id = 1; id <= 50; id++) await second.transact((tx) => tx.putLease(leaseRow(`${id}`)));
    // As the files are after SIGKILL.
    for (const name of ["state.sqlite", "state.sqlite-wal", "state.mark"]) {
      Deno.copyFileSync(`${running}/${name}`, `${made.dir}/${name}`);
    }
    await second.close();
    Deno.removeSync(running, { recursive: true });
    return made;
  }

  /** The leases that it holds. @throws {StateUnavailableError} */
  async leases(): Promise<number> {
    const store = new SqliteStore(this.path);
    try {
      return (await store.transact((tx) => tx.runningLeases())).length;
    } finally {
      await store.close();
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** What may happen to the files, and the words of the refusal. */
const LOSSES: Record<string, readonly [(store: KilledStore) => void, RegExp]> = {
  "is missing": [
    ({ path, wal }) => [path, wal].forEach((file) => Deno.removeSync(file)),
    /state\.sqlite is missing, empty or of an older version, and had 51 changes/,
  ],
  "was emptied": [
    ({ path, wal }) => [path, wal].forEach((file) => Deno.truncateSync(file)),
    /state\.sqlite is missing, empty or of an older version, and had 51 changes/,
  ],
  "has no write-ahead log": [
    ({ wal }) => Deno.removeSync(wal),
    /has 1 changes, and had 51: its write-ahead log is missing or damaged/,
  ],
  "has a damaged write-ahead log": [
    ({ wal }) => {
      using file = Deno.openSync(wal, { read: true, write: true });
      file.seekSync(Math.floor(file.statSync().size / 2), Deno.SeekMode.Start);
      file.writeSync(new Uint8Array(64).fill(0x5a));
    },
    /has \d+ changes, and had 51: its write-ahead log is missing or damaged/,
  ],
  "was replaced by an older copy": [
    ({ path, wal, older }) => {
      Deno.copyFileSync(older, path);
      Deno.removeSync(wal);
    },
    /has 1 changes, and had 51: .* or the file is an older copy/,
  ],
};

for (const [name, [lose, words]] of Object.entries(LOSSES)) {
  Deno.test(`a database that ${name} is refused, and used once its mark is removed`, async () => {
    using killed = await KilledStore.make();
    lose(killed);
    for (let tries = 0; tries < 2; tries++) { // a refusal changes nothing
      const refused = await assertRejects(() => killed.leases(), StateUnavailableError);
      assertMatch(refused.message, words);
      assert(refused.message.includes(`remove ${killed.mark} to go on`), refused.message);
    }
    Deno.removeSync(killed.mark);
    assert(await killed.leases() < 51);
    assert(await killed.leases() < 51, "the next start finds its own mark");
  });
}

Deno.test("a database after SIGKILL is used, also without a readable mark, and another database is refused", async () => {
  using killed = await KilledStore.make();
  using other = await KilledStore.make();
  assertEquals(await killed.leases(), 51);
  Deno.copyFileSync(other.mark, killed.mark);
  const refused = await assertRejects(() => killed.leases(), StateUnavailableError);
  assertMatch(refused.message, /is another database than before/);
  Deno.writeTextFileSync(killed.mark, "half of a"); // a power failure may leave this
  assertEquals(await killed.leases(), 51);
});

Deno.test("the commits of a killed process are written again at the start, since the disk may not have them", async () => {
  using killed = await KilledStore.make();
  const store = new SqliteStore(killed.path);
  try {
    using database = await KilledStore.make();
    Deno.copyFileSync(killed.path, database.path);
    Deno.copyFileSync(killed.mark, database.mark);
    Deno.removeSync(database.wal);
    assertEquals(await database.leases(), 51);
  } finally {
    await store.close();
  }
});

Deno.test("a database with damaged pages, or another file in its place, is refused with what to do", async () => {
  using killed = await KilledStore.make();
  assertEquals(await killed.leases(), 51);
  const size = Deno.statSync(killed.path).size;
  using file = Deno.openSync(killed.path, { write: true });
  for (let at = 4096 * 2 + 100; at < size; at += 4096) {
    file.seekSync(at, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(512).fill(0xa5));
  }
  const damaged = assertThrows(() => new SqliteStore(killed.path), StateUnavailableError);
  assertMatch(damaged.message, /state\.sqlite is damaged .*restore a backup, or read what is left/);
  Deno.writeTextFileSync(killed.path, "not a database, but long enough for its head".repeat(100));
  assertThrows(() => new SqliteStore(killed.path), StateUnavailableError, "is damaged");
});

Deno.test("a second manager is refused, also when the lock file was removed", async () => {
  await using test = await TestManager.start();
  await Deno.remove(`${test.dir}/state/lock`);
  await assertRejects(
    () => startResourceManager({ listen: [], stateDir: `${test.dir}/state` }),
    StateUnavailableError,
    "another resource manager is using it",
  );
});

Deno.test("files of the state that others may read are set back to their owner, and listed", async () => {
  const test = await TestManager.start();
  await test.stop();
  const dir = `${test.dir}/state`;
  await Deno.chmod(dir, 0o777);
  for (const name of ["state.sqlite", "operator.token"]) await Deno.chmod(`${dir}/${name}`, 0o666);
  {
    using opened = await StateDir.open(dir, "resource manager");
    assertEquals(opened.restricted.toSorted(), [
      `${dir} (777)`,
      `${dir}/operator.token (666)`,
      `${dir}/state.sqlite (666)`,
    ]);
  }
  using again = await StateDir.open(dir, "resource manager");
  assertEquals(again.restricted, []);
  for (const { name } of Deno.readDirSync(dir)) {
    assertEquals(Deno.statSync(`${dir}/${name}`).mode! & 0o777, 0o600, name);
  }
  assertEquals(Deno.statSync(dir).mode! & 0o777, 0o755);
  await Deno.remove(test.dir, { recursive: true });
});

Deno.test("a state folder that vanishes is logged and in the health, and nothing new is granted until it is back", async () => {
  const errors: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => errors.push(record) },
    loggers: [
      { category: ["logtape", "meta"], lowestLevel: "error" },
      { category: ["rfaas"], sinks: ["kept"], lowestLevel: "error" },
    ],
  });
  try {
    await using test = await TestManager.start();
    await test.register("a");
    const { lease } = await test.client.takeLease(small);
    const [dir, away] = [`${test.dir}/state`, `${test.dir}/away`];
    await Deno.rename(dir, away);
    const isHealthy = () => test.client.health().then(() => true, () => false);
    await until(async () => !await isHealthy(), () => "the health is bad", 5000);
    for (const send of [() => test.client.health(), () => test.client.takeLease(small)]) {
      const refused = await assertRejects(send, ManagerUnreachableError);
      assertMatch(refused.message, /status 503: Cannot keep state: \S+\/state is gone/);
    }
    await test.client.renewLease(lease, { termMs: 60_000 });
    await test.client.releaseLease(lease);
    assertEquals(errors.length, 1);
    assertMatch(errors[0]!.message.join(""), /State is not kept: .*state is gone/);
    await Deno.rename(away, dir);
    await until(isHealthy, () => "the health is good", 5000);
    await test.client.takeLease(small);
  } finally {
    await reset();
  }
});

Deno.test("a disk that does not confirm a write is in the health, and nothing is granted any more", async () => {
  await using test = await TestManager.start();
  await test.register("a");
  {
    using _ = replacedMethod(
      Deno.FsFile.prototype,
      "syncData",
      () => Promise.reject(new Error("Input/output error")),
    );
    await assertRejects(() => test.client.takeLease(small), ManagerUnreachableError, NOT_KEPT);
  }
  await assertRejects(() => test.client.takeLease(small), ManagerUnreachableError, NOT_KEPT);
  const isHealthy = () => test.client.health().then(() => true, () => false);
  await until(async () => !await isHealthy(), () => "the health is bad", 5000);
  await assertRejects(() => test.client.health(), ManagerUnreachableError, NOT_KEPT);
});

const NOT_KEPT = "status 503: Cannot keep state: the disk did not confirm what was written last";

Deno.test("`SqliteStore` refuses a file that another one uses, wherever it is", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const path = `${dir}/rows.sqlite`;
  const first = await openStore(dir, { address: `sqlite:${path}` });
  try {
    await assertRejects(
      () => openStore(`${dir}/other`, { address: `sqlite:${path}` }),
      StateUnavailableError,
      "has locked",
    );
    await first.close();
    await (await openStore(dir, { address: `sqlite:${path}` })).close();
  } finally {
    await first.close();
    await Deno.remove(dir, { recursive: true });
  }
});
