/** The folder with the state of a manager. One process at a time uses it. */

import { RfaasError } from "../runtime/errors.ts";

/** The state folder cannot be used: another manager uses it, or a newer version wrote it. */
export class StateUnavailableError extends RfaasError {
  override name = "StateUnavailableError";
}

/** A locked state folder. It is unlocked by `close()`, or by the end of the process. */
export class StateDir implements Disposable {
  /** The path without a trailing slash. */
  readonly path: string;
  /** The files and folders that others could read or write until now, with their modes. */
  readonly restricted: readonly string[];
  #lock: Disposable | undefined;

  private constructor(path: string, lock: Disposable, restricted: readonly string[]) {
    this.path = path;
    this.#lock = lock;
    this.restricted = restricted;
  }

  /**
   * Locks a folder. Creates it with mode 0700 if it does not exist. Takes from others the rights to write to it, and all
   * rights to its files, which hold keys and tokens.
   *
   * @param holder the kind of manager, for messages.
   * @throws {StateUnavailableError} if another process uses it.
   */
  static async open(path: string, holder: string): Promise<StateDir> {
    const trimmed = path.replace(/(?<=.)\/+$/, "");
    try {
      await Deno.mkdir(trimmed, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new StateUnavailableError(`Cannot create state folder ${path}`, { cause });
    }
    const lock = await lockFolder(trimmed);
    if (lock === undefined) {
      throw new StateUnavailableError(
        `Cannot use state folder ${path}: another ${holder} is using it, give each its own by --state`,
      );
    }
    try {
      return new StateDir(trimmed, lock, await restrictModes(trimmed));
    } catch (cause) {
      lock[Symbol.dispose]();
      throw new StateUnavailableError(`Cannot restrict the modes of state folder ${path}`, {
        cause,
      });
    }
  }

  /** Unlocks the folder. May be called twice. */
  close(): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Locks a file in the folder, and the folder itself: a lock file may be removed, and another one would admit a second
 * manager. Both locks are the kernel's.
 *
 * @returns the open files that hold the locks; undefined if another process holds one.
 */
async function lockFolder(path: string): Promise<Disposable | undefined> {
  using opened = new DisposableStack();
  const open = async (path: string, options: Deno.OpenOptions) => {
    try {
      return opened.use(await Deno.open(path, options));
    } catch (cause) {
      throw new StateUnavailableError(`Cannot write to state folder ${path}`, { cause });
    }
  };
  const file = await open(`${path}/lock`, { create: true, write: true, mode: 0o600 });
  const folder = await open(path, { read: true });
  if (!await file.tryLock(true)) return undefined;
  // Some network file systems lock no folders: then the file has to do.
  if (!await folder.tryLock(true).catch(() => true)) return undefined;
  return opened.move();
}

/** @returns what was changed, each with its former mode. */
async function restrictModes(path: string): Promise<string[]> {
  const restricted: string[] = [];
  const restrict = async (path: string, rights: number) => {
    const { mode, isFile, isDirectory } = await Deno.lstat(path);
    if (mode === null || (mode & rights) === 0 || !(isFile || isDirectory)) return;
    await Deno.chmod(path, mode & 0o777 & ~rights);
    restricted.push(`${path} (${(mode & 0o777).toString(8)})`);
  };
  await restrict(path, 0o022);
  for await (const { name, isFile } of Deno.readDir(path)) {
    if (isFile) await restrict(`${path}/${name}`, 0o077);
  }
  return restricted;
}
