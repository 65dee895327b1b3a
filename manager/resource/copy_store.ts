/** Copies the rows of a store to another one, while no resource manager runs. */
import { delay } from "../../std/async.ts";
import { StateDir, StateUnavailableError } from "../state_dir.ts";
import { hashToken, readToken, ROLES, tokenFilesIn, writeToken } from "./books/tokens.ts";
import {
  type AllRows,
  digestRows,
  readRows,
  type TableDigest,
  writeRows,
} from "./store/all_rows.ts";
import { isShared, openSharedStore, openStore, type StoreOptions } from "./store/open_store.ts";
import type { Store } from "./store/store.ts";
import { parseStoreAddress } from "./store/store_address.ts";

/** What a copy needs. */
export interface CopyOptions {
  /** The state folder of a resource manager: it has the key of a store on etcd, and the first tokens. */
  readonly stateDir: string;
  readonly from: StoreOptions & { readonly address: string };
  readonly to: StoreOptions & { readonly address: string };
}

/** How far the clock of the last leader may be ahead: it issues times up to its next pulse. */
const MAX_AHEAD_MS = 5000;

/**
 * Copies all rows into a store that has none, all or nothing, and compares what is in both afterwards.
 *
 * @returns the digests of the tables, the same for both stores.
 * @throws {TypeError} if an address or another option is wrong.
 * @throws {StateUnavailableError} if a resource manager uses one of the stores or the folder, the first has no rows, the
 * second has some, the clock of this host is behind the rows, or the rows differ afterwards.
 */
export async function copyStore({ stateDir, from, to }: CopyOptions): Promise<TableDigest[]> {
  const source = parseStoreAddress(from.address);
  parseStoreAddress(to.address);
  if (from.address === to.address) throw cannotCopy(`both are ${from.address}`);
  if (source.kind === "sqlite" && !await isFile(source.path)) {
    throw cannotCopy(`${source.path} is no file`);
  }
  using folder = await StateDir.open(stateDir, "resource manager");
  const { path } = folder;
  const rows = await withTokenTexts(
    await useStore(path, from, async (store) => {
      const rows = await store.transact(readRows);
      if (isEmpty(rows)) throw cannotCopy(`${from.address} has no rows`);
      await awaitClock(Math.max(store.shared?.clock() ?? 0, await store.transact(latestOf)));
      return rows;
    }),
    path,
  );
  await useStore(path, to, async (store) => {
    await store.transact((tx) => {
      if (!isEmpty(readRows(tx))) throw cannotCopy(`${to.address} has rows already`);
      writeRows(tx, rows);
    });
  });
  const expected = digestRows(rows);
  // Opened again, so that what is compared was durable.
  const found = await useStore(
    path,
    to,
    async (store) => digestRows(await store.transact(readRows)),
  );
  const differs = expected.find(({ sha256 }, at) => sha256 !== found[at]!.sha256);
  if (differs !== undefined) {
    throw cannotCopy(`the table ${differs.table} of ${to.address} differs, remove that store`);
  }
  if (!isShared(to)) await writeTokenFiles(rows, path);
  return expected;
}

/** Opens a store, and refuses one that a resource manager uses. */
async function useStore<T>(
  stateDir: string,
  options: CopyOptions["from"],
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const store = isShared(options)
    ? await openUnused(stateDir, options)
    : await openStore(stateDir, options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

async function openUnused(stateDir: string, options: CopyOptions["from"]): Promise<Store> {
  const used = new AbortController();
  const open = await openSharedStore(stateDir, options);
  return await open({
    signal: used.signal,
    observed: ({ url }) => {
      const leader = `the resource manager at ${url ?? "an unknown address"}`;
      used.abort(cannotCopy(`${leader} uses ${options.address}, end all resource managers first`));
    },
  });
}

/** Waits until this host's clock has passed a time: the leader of the copy must issue no time again. */
async function awaitClock(latestMs: number): Promise<void> {
  const aheadMs = latestMs - Date.now();
  if (aheadMs > MAX_AHEAD_MS) {
    throw cannotCopy(`the clock of this host is ${aheadMs} ms behind the rows, correct it`);
  }
  if (aheadMs > 0) await delay(aheadMs);
}

/** A store on etcd has the texts of first tokens: each resource manager writes them to its files. */
async function withTokenTexts(rows: AllRows, stateDir: string): Promise<AllRows> {
  const texts = new Map<string, string>();
  for (const role of ROLES) {
    const text = await readToken(tokenFilesIn(stateDir)[role], role);
    if (text !== undefined) texts.set(hashToken(text), text);
  }
  const tokens = rows.tokens.map((token) => {
    const text = token.text ?? texts.get(token.hash);
    return text === undefined ? token : { ...token, text };
  });
  return { ...rows, tokens };
}

/** A resource manager on a file replaces the first token of a role whose file is missing. */
async function writeTokenFiles({ tokens }: AllRows, stateDir: string): Promise<void> {
  for (const { role, name, text } of tokens) {
    if (role === name && text !== undefined) {
      await writeToken(tokenFilesIn(stateDir)[role], role, text);
    }
  }
}

function isEmpty(rows: AllRows): boolean {
  return Object.values(rows).every(({ length }) => length === 0);
}

function latestOf(tx: { latestMs(): number }): number {
  return tx.latestMs();
}

async function isFile(path: string): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.isFile ?? false;
}

function cannotCopy(state: string): StateUnavailableError {
  return new StateUnavailableError(`Cannot copy store: ${state}`);
}
