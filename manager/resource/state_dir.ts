/** The folder that a resource manager keeps its state in, held by one process at a time. */
import { StateUnavailable } from "./start_errors.ts";

/** A held state folder. Closing it, or the process's end, lets the next one in. */
export class StateDir {
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
   * @throws {StateUnavailable} if another resource manager holds it.
   */
  static async open(path: string): Promise<StateDir> {
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
        `Cannot use state folder ${path}: another resource manager is using it`,
      );
    }
    return new StateDir(trimmed, lock);
  }

  /** Lets go of the folder. May be called twice. */
  close(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { create: true, write: true, mode: 0o600 });
  } catch (cause) {
    throw new StateUnavailable(`Cannot write to state folder: ${path}`, { cause });
  }
}
