/** Each kind of store, for the tests that all of them must pass. */
import { MemoryStore } from "../../../manager/resource/store/memory_store.ts";
import { openStore } from "../../../manager/resource/store/open_store.ts";
import type { Store } from "../../../manager/resource/store/store.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "./etcd_members.ts";
import { TwiceStore } from "./twice_store.ts";

/** A store for one test. */
export interface TestStore extends AsyncDisposable {
  store: Store;
  /** The file of the rows, if there is one. */
  path?: string;
  /** Opens the store again, if it is persistent. */
  reopen?: () => Promise<Store>;
}

/** The same store with each change run twice: a rolled-back change must leave nothing behind. */
function twice(open: () => Promise<TestStore>): () => Promise<TestStore> {
  return async () => {
    const { store, reopen, ...test } = await open();
    const reopenTwice = reopen && (async () => new TwiceStore(await reopen()));
    const { [Symbol.asyncDispose]: dispose } = test;
    return {
      ...test,
      store: new TwiceStore(store),
      ...(reopenTwice === undefined ? {} : { reopen: reopenTwice }),
      [Symbol.asyncDispose]: dispose,
    };
  };
}

/** A store in memory. */
export function memory(): Promise<TestStore> {
  const store = new MemoryStore();
  return Promise.resolve({ store, [Symbol.asyncDispose]: async () => await store.close() });
}

/** A persistent store. */
async function persistent(open: () => Promise<Store>): Promise<TestStore> {
  const opened = [await open()];
  return {
    store: opened[0]!,
    reopen: async () => {
      await opened.at(-1)!.close();
      opened.push(await open());
      return opened.at(-1)!;
    },
    [Symbol.asyncDispose]: async () => {
      for (const store of opened) await store.close();
    },
  };
}

/** A store in a file. */
export async function sqlite(): Promise<TestStore & { path: string }> {
  const dir = Deno.makeTempDirSync({ prefix: "rfaas-test-" });
  const path = `${dir}/state.sqlite`;
  const test = await persistent(() => openStore(dir));
  const dispose = async () => {
    await test[Symbol.asyncDispose]();
    Deno.removeSync(dir, { recursive: true });
  };
  return { ...test, path, [Symbol.asyncDispose]: dispose };
}

/** One cluster for all tests of this file. */
const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
const etcdDir = Deno.makeTempDirSync({ prefix: "rfaas-test-" });
globalThis.addEventListener("unload", () => {
  etcd?.killAll();
  Deno.removeSync(etcdDir, { recursive: true });
});

function onEtcd(): Promise<TestStore> {
  const address = etcd!.store();
  return persistent(() => openStore(etcdDir, { address }));
}

const stores: Record<string, () => Promise<TestStore>> = {
  memory,
  sqlite,
  etcd: onEtcd,
  "memory (each change twice)": twice(memory),
  "sqlite (each change twice)": twice(sqlite),
  "etcd (each change twice)": twice(onEtcd),
};

/** Defines tests with each store. @param define receives what adds a test, and what opens the store. */
export function testEachStore(
  define: (
    check: (what: string, fn: () => Promise<void>) => void,
    open: () => Promise<TestStore>,
  ) => void,
): void {
  for (const [name, open] of Object.entries(stores)) {
    const isMissing = name.startsWith("etcd") && etcd === undefined;
    const check = (what: string, fn: () => Promise<void>) =>
      Deno.test({
        name: `${name} ${what}${isMissing ? needsEtcd : ""}`,
        ignore: isMissing,
        fn,
      });
    define(check, open);
  }
}
