/** What the opening of a store on etcd checks. */
import { StateUnavailableError } from "../../../state_dir.ts";
import type { EtcdClient, KeyRange } from "./etcd_client.ts";
import { isTemporary } from "./etcd_errors.ts";
import { WRITE_TIMEOUT_MS } from "./etcd_policy.ts";
import type { Seal } from "./seal.ts";
import type { HeldTerm } from "./term.ts";

/** The version of the keys and values below the prefix. */
export const FORMAT = 1;

/** The keys of later versions: in the order of keys, the folders of other numbers are between that of 1 and a colon. */
export function laterFormats(prefix: string): KeyRange {
  return { from: `${prefix}/${FORMAT}0`, to: `${prefix}/:` };
}

/**
 * Refuses rows of a later version, beside which this one would lend the same cores again.
 *
 * @param term what the transaction that took it has seen.
 */
export async function checkFormat(
  client: EtcdClient,
  prefix: string,
  term: Pick<HeldTerm, "later">,
): Promise<void> {
  const read = () => client.firstKey(laterFormats(prefix), WRITE_TIMEOUT_MS);
  const key = "later" in term ? term.later : await fromAnyMember(client, read);
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
