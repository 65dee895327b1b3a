/** The folder that a manager keeps its state in, held by one process at a time. */

import { RfaasError } from "../runtime/errors.ts";

/** The state folder can't be used: another manager holds it, or it is of a newer version. */
export class StateUnavailable extends RfaasError {
  override name = "StateUnavailable";
}

/** A held state folder. Closing it, or the process's end, lets the next one in. */
export class StateDir implements Disposable {
  /** Without a slash at its end. */
  readonly path: string;
  #lock: Deno.FsFile | undefined;

  private constructor(path: string, lock: Deno.FsFile) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Creates the folder with mode 0700 if it is not there, and takes it.
   *
   * @param holder who takes it, as messages name it.
   * @throws {StateUnavailable} if another one holds it.
   */
  static async open(path: string, holder: string): Promise<StateDir> {
    const trimmed = path.replace(/(?<=.)\/+$/, "");
    try {
      await Deno.mkdir(trimmed, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new StateUnavailable(`Cannot create state folder ${path}`, { cause });
    }
    const lock = await openLock(`${trimmed}/lock`);
    if (!await lock.tryLock(true)) {
      lock.close();
      throw new StateUnavailable(
        `Cannot use state folder ${path}: another ${holder} is using it, give each its own by --state`,
      );
    }
    return new StateDir(trimmed, lock);
  }

  /** Lets go of the folder. May be called twice. */
  close(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { create: true, write: true, mode: 0o600 });
  } catch (cause) {
    throw new StateUnavailable(`Cannot write to state folder: ${path}`, { cause });
  }
}
