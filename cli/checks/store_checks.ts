/** Checks the etcd of a resource manager. */

import { greaterOrEqual, parse } from "@std/semver";
import { EtcdClient } from "../../manager/resource/store/etcd/etcd_client.ts";
import {
  type EtcdAccess,
  etcdConnection,
} from "../../manager/resource/store/etcd/etcd_connection.ts";
import type { StoreOptions } from "../../manager/resource/store/open_store.ts";
import { parseStoreAddress } from "../../manager/resource/store/store_address.ts";
import { sizeText } from "../quantity_text.ts";
import { check, type HostCheck } from "./host_check.ts";

/** How long a member may take to respond. */
const TIMEOUT_MS = 2000;
/** The first good version of each series. Earlier ones return stale reads, or lose their election. */
const GOOD: Readonly<Record<string, string>> = { "3.5": "3.5.28", "3.6": "3.6.9" };
const USE_GOOD = `use etcd ${Object.values(GOOD).join(", ")} or later`;
/** How long a majority may take to confirm a read. A commit takes about as long, and a flush to disk. */
const SLOW_MS = 50;

/**
 * Checks each member. Returns nothing if the rows are in a file.
 *
 * @throws {TypeError} If an option is wrong, or a file cannot be read.
 */
export async function checkStore({ address, ...access }: StoreOptions): Promise<HostCheck[]> {
  if (address === undefined) return [];
  const parsed = parseStoreAddress(address);
  if (parsed.kind !== "etcd") return [];
  const { members } = parsed;
  const checks = await Promise.all(members.map((member) => checkMember(member, access)));
  const up = checks.filter(({ responds }) => responds).length;
  const hasMajority = up > members.length / 2;
  const majority = check(
    "etcd",
    "required",
    hasMajority,
    `${up} of ${members.length} members respond`,
    "start etcd on the other members",
  );
  return [majority, ...checks.map(({ result }) => result)];
}

async function checkMember(
  member: string,
  access: EtcdAccess,
): Promise<{ responds: boolean; result: HostCheck }> {
  const name = `etcd ${member}`;
  using client = new EtcdClient(await etcdConnection([member], access));
  try {
    const { version, bytes, hasLeader } = await client.status(TIMEOUT_MS);
    const startMs = performance.now();
    await client.revision(TIMEOUT_MS);
    const tookMs = performance.now() - startMs;
    const found = `version ${version}, ${sizeText(bytes)}, a read takes ${tookMs.toFixed(1)} ms`;
    const fix = !isGood(version)
      ? USE_GOOD
      : !hasLeader
      ? "connect it to a majority of the members"
      : tookMs > SLOW_MS
      ? "place the members closer together, on disks of their own"
      : undefined;
    const result = check(name, "optional", fix === undefined, found, fix ?? "");
    return { responds: hasLeader, result };
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    const fix = "start this member, or correct its address";
    return { responds: false, result: check(name, "optional", false, found, fix) };
  }
}

/** Whether a version has none of the known faults. */
export function isGood(version: string): boolean {
  const series = version.split(".").slice(0, 2).join(".");
  const first = GOOD[series] ?? Object.values(GOOD).at(-1)!;
  return greaterOrEqual(parse(version), parse(first));
}
