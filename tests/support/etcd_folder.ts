/** A folder of its own in an etcd, for a test of the store. */
import { EtcdStore, type EtcdStoreOptions } from "../../manager/resource/store/etcd/etcd_store.ts";
import { Seal } from "../../manager/resource/store/etcd/seal.ts";
import type { EtcdMembers } from "./manager/etcd_members.ts";
import { EtcdProxy } from "./manager/etcd_proxy.ts";

/** The seal of the stores that tests open. */
export const seal = new Seal(new Uint8Array(32));

/** Makes a new folder, and a proxy before the first member. */
export function etcdFolder(etcd: EtcdMembers) {
  const prefix = `/${crypto.randomUUID()}`;
  const proxy = new EtcdProxy(etcd.addresses[0]!);
  const open = (members: readonly string[], options: Partial<EtcdStoreOptions> = {}) =>
    EtcdStore.open({ connection: { members }, prefix, seal, ...options });
  return {
    prefix,
    proxy,
    open,
    /** Opens the store through the proxy. */
    openBehind: (options?: Partial<EtcdStoreOptions>) => open([proxy.address], options),
    openDirectly: (options?: Partial<EtcdStoreOptions>) => open(etcd.addresses, options),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
