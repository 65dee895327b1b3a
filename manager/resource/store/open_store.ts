import type { EtcdAccess } from "./etcd/etcd_connection.ts";
import type { Candidacy } from "./etcd/term.ts";
import { SqliteStore } from "./sqlite/sqlite_store.ts";
import type { Store } from "./store.ts";
import { type EtcdAddress, parseStoreAddress, type SqliteAddress } from "./store_address.ts";

/** Where the rows are kept. */
export interface StoreOptions extends EtcdAccess {
  /** `sqlite:PATH` or `etcd://HOST:PORT,HOST:PORT/PREFIX`. @default the file state.sqlite in the state folder */
  readonly address?: string;
}

/** Whether several resource managers may use the store. @throws {TypeError} if the address is wrong. */
export function isShared({ address }: StoreOptions = {}): boolean {
  return address !== undefined && parseStoreAddress(address).kind === "etcd";
}

/**
 * Opens a store. On etcd, this waits until no other resource manager leads.
 *
 * @throws {TypeError} if an option is wrong.
 * @throws {StateUnavailableError} if another process uses the file, a newer program wrote it, it is damaged, or etcd does
 * not respond.
 */
export async function openStore(stateDir: string, options: StoreOptions = {}): Promise<Store> {
  if (isShared(options)) return await (await openSharedStore(stateDir, options))({});
  const { address = `sqlite:${stateDir}/state.sqlite` } = options;
  return new SqliteStore((parseStoreAddress(address) as SqliteAddress).path);
}

/**
 * Reads the files that the connection to etcd needs.
 *
 * @param url the address of the resource manager, for clients of others.
 * @returns opens the store, as often as needed.
 * @throws {TypeError} if an option is wrong.
 * @throws {StateUnavailableError} if the key file of the state folder holds no key.
 */
export async function openSharedStore(
  stateDir: string,
  { address = "", ...access }: StoreOptions = {},
  url?: string,
): Promise<
  (candidacy: Partial<Pick<Candidacy, "signal" | "observed" | "ended" | "taken">>) => Promise<Store>
> {
  // A resource manager on a file starts without them.
  const [{ etcdConnection }, { EtcdStore }, { Seal }] = await Promise.all([
    import("./etcd/etcd_connection.ts"),
    import("./etcd/etcd_store.ts"),
    import("./etcd/seal.ts"),
  ]);
  const { members, prefix } = parseStoreAddress(address) as EtcdAddress;
  const connection = await etcdConnection(members, access);
  const seal = await Seal.open(`${stateDir}/store.key`);
  return (candidacy) => EtcdStore.open({ connection, prefix, seal, url, ...candidacy });
}
