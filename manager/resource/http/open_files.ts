import type { Logger } from "../../log.ts";
import { MAX_BACKLOG, RESERVED_FILES } from "../policy.ts";

const LIMITS_FILE = "/proc/self/limits";

/**
 * The most connections at each address, and the most that may wait to be accepted, for the limit of open files. When no
 * file is left, a server of Deno stops accepting for good (2.9.6). All waiting connections are accepted at once, before
 * the ones that they replace are closed, hence twice the backlog is kept free.
 *
 * @param requested the number of connections at each address.
 * @param addresses the number of addresses.
 */
export async function connectionsEach(
  requested: number,
  addresses: number,
  log: Logger,
): Promise<{ connections: number; backlog: number }> {
  const files = await maxOpenFiles() ?? Infinity;
  const each = Math.max(4, Math.floor((files - RESERVED_FILES) / Math.max(1, addresses)));
  const backlog = Math.min(MAX_BACKLOG, Math.floor(each / 4));
  const connections = Math.min(requested, each - 2 * backlog);
  if (connections < requested) {
    log.warn(
      "At most {connections} connections at each address, not {requested}: the process may open {files} files",
      { connections, requested, files },
    );
  }
  return { connections, backlog };
}

/** The limit of open files, which Deno raises to the hard limit at its start. Undefined without `--allow-all`. */
async function maxOpenFiles(): Promise<number | undefined> {
  const { state } = await Deno.permissions.query({ name: "read", path: LIMITS_FILE });
  if (state !== "granted") return undefined;
  try {
    const limits = await Deno.readTextFile(LIMITS_FILE);
    const found = /^Max open files\s+(\d+)/m.exec(limits);
    return found === null ? undefined : Number(found[1]); // the limit may be "unlimited"
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}
