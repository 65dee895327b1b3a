import type { Logger } from "../log.ts";
import { maxBacklog, reservedFiles } from "./policy.ts";

const limitsFile = "/proc/self/limits";

/**
 * How many connections there may be at each address, and how many may wait to be accepted, so that open files are left:
 * without one a server of Deno's stops accepting for good (2.9.6). What waits is accepted in one go, before those that
 * have to go for it are closed, hence twice the backlog is kept free.
 *
 * @param wanted connections at each of so many addresses.
 */
export async function connectionsEach(
  wanted: number,
  addresses: number,
  log: Logger,
): Promise<{ connections: number; backlog: number }> {
  const files = await maxOpenFiles() ?? Infinity;
  const each = Math.max(4, Math.floor((files - reservedFiles) / Math.max(1, addresses)));
  const backlog = Math.min(maxBacklog, Math.floor(each / 4));
  const connections = Math.min(wanted, each - 2 * backlog);
  if (connections < wanted) {
    log.warn(
      "{connections} connections at each address at most, not {wanted}: {files} files may be open",
      { connections, wanted, files },
    );
  }
  return { connections, backlog };
}

/** The limit of open files, which Deno raises to the hard one when it starts; nothing without `--allow-all`. */
async function maxOpenFiles(): Promise<number | undefined> {
  const { state } = await Deno.permissions.query({ name: "read", path: limitsFile });
  if (state !== "granted") return undefined;
  try {
    const limits = await Deno.readTextFile(limitsFile);
    const found = /^Max open files\s+(\d+)/m.exec(limits);
    return found === null ? undefined : Number(found[1]); // it may be "unlimited"
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}
