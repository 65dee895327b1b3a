/** What the opening of a store on etcd checks. */
import { StateUnavailableError } from "../../../state_dir.ts";
import type { EtcdClient } from "./etcd_client.ts";
import { isTemporary } from "./etcd_errors.ts";
import { WRITE_TIMEOUT_MS } from "./etcd_policy.ts";
import type { Seal } from "./seal.ts";

/** The version of the keys and values below the prefix. */
export const FORMAT = 1;

/** Refuses rows of a later version, beside which this one would lend the same cores again. */
export async function checkFormat(client: EtcdClient, prefix: string): Promise<void> {
  // In the order of keys, the folders of other numbers are between that of 1 and a colon.
  const key = await fromAnyMember(
    client,
    () => client.firstKey(`${prefix}/${FORMAT}0`, `${prefix}/:`, WRITE_TIMEOUT_MS),
  );
  const format = key && /^\/(\d+)\//.exec(key.slice(prefix.length))?.[1];
  if (!format) return;
  throw new StateUnavailableError(
    `Cannot open state: a newer version wrote it, with format ${format} at ${prefix} of ${client.name}`,
  );
}

/** Sends a request to one member after the other, until one answers: each has all rows, if it is connected. */
export async function fromAnyMember<T>(client: EtcdClient, send: () => Promise<T>): Promise<T> {
  for (let left = client.size;; left--) {
    try {
      return await send();
    } catch (error) {
      if (!isTemporary(error) || left <= 1) throw error;
    }
  }
}

/** Refuses another key before it is needed: a standby with a wrong key would fail when it is to lead. */
export async function checkSeal(client: EtcdClient, key: string, seal: Seal): Promise<void> {
  // An etcd that does not respond is waited for later.
  const [sealed] = await client.read([key], WRITE_TIMEOUT_MS).catch(() => []);
  if (sealed !== undefined) seal.open(sealed.value, key);
}
