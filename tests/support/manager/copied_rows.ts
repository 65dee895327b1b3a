/** Copies of rows in etcd, for tests. */
import { EtcdClient, type Write } from "../../../manager/resource/store/etcd/etcd_client.ts";
import { EtcdUnreachableError } from "../../../manager/resource/store/etcd/etcd_errors.ts";
import type { Stored } from "../../../manager/resource/store/etcd/etcd_messages.ts";
import {
  type CopyClient,
  type CopyTarget,
  RowsCopy,
} from "../../../manager/resource/store/etcd/rows_copy.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "./etcd_members.ts";

/** How long a request may take. */
export const TIMEOUT_MS = 5000;

/** What a client of etcd does that a test does not need. It has no watch. */
export const notNeeded = {
  counts: () => Promise.reject(new Error("not needed")),
  holds: () => Promise.resolve(true),
  keys: () => Promise.reject(new Error("not needed")),
  // deno-lint-ignore require-yield -- it ends
  watch: async function* () {
    throw new EtcdUnreachableError("Cannot reach etcd");
  },
} satisfies Partial<CopyClient>;

/** The rows of a copy, by their keys. */
export class CopiedRows extends Map<string, Stored> implements CopyTarget {
  apply(changed: readonly Stored[], deleted: readonly string[]): void {
    for (const row of changed) this.set(row.key, row);
    for (const key of deleted) this.delete(key);
  }
}

/** A copy whose last row is `end`. */
export function copyOf(client: CopyClient, prefix = "/"): RowsCopy<CopiedRows> {
  return new RowsCopy(client, prefix, `${prefix}end`, () => new CopiedRows());
}

/** The keys and values of a copy. */
export function valuesOf(copy: RowsCopy<CopiedRows>): Record<string, string> {
  return Object.fromEntries([...copy.target.values()].map(({ key, value }) => [key, value]));
}

/** Writes in as many transactions as needed. @returns the last revision. */
export async function write(client: EtcdClient, writes: readonly Write[]): Promise<number> {
  let last = 0;
  for (let at = 0; at < writes.length; at += 100) {
    const { revision } = await client.transact([], writes.slice(at, at + 100), [], TIMEOUT_MS);
    last = revision;
  }
  return last;
}

/** A row without a value. */
export function row(key: string, revision: number): Stored {
  return { key, value: "", revision };
}

/** Starts an etcd for the tests of a file. @returns what defines a test with a client and a prefix of its own. */
export async function testsOnEtcd() {
  const etcd = etcdPath === undefined ? undefined : await EtcdMembers.start();
  globalThis.addEventListener("unload", () => etcd?.killAll());
  return (name: string, fn: (client: EtcdClient, prefix: string) => Promise<void>): void =>
    Deno.test({
      name: name + needsEtcd,
      ignore: etcd === undefined,
      fn: async () => {
        using client = new EtcdClient({ members: etcd!.addresses });
        await fn(client, `/${crypto.randomUUID()}/`);
      },
    });
}
