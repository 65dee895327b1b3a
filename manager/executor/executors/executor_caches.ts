/**
 * The folders in which Deno caches compiled code (`DENO_DIR`), one for each executor. Without that code a start takes half
 * as long again. A folder holds a copy of what the first executor compiled, and is gone before foreign code loads: Deno
 * keeps the files open, and a file in the folder's place prevents another one. Otherwise functions could store data there
 * for other tenants, or without end: the Cache API, for one, needs no permission.
 */

import { DatabaseSync } from "node:sqlite";
import { getLogger } from "../../log.ts";

/** The folder of one executor. */
export interface ExecutorCache {
  readonly folder: string;
  /** Removes the folder; nothing can replace it. Call it once the executor has loaded its own code. */
  seal(): Promise<void>;
  /** Removes what is left. Call it when the executor has ended; may be called twice. */
  remove(): void;
}

export class ExecutorCaches implements AsyncDisposable {
  readonly #folder: string;
  readonly #compiled: string;
  #isKept = false;
  #closed = false;
  readonly #removing = new Set<Promise<void>>();
  /** The folder of the next executor: copied before a lease waits for it. */
  #next: Promise<string> | undefined;

  private constructor(folder: string, compiled: string) {
    this.#folder = folder;
    this.#compiled = compiled;
  }

  /**
   * Makes `folder`, and removes what a killed manager has left there.
   *
   * @param compiled where the code that the first executor compiled is kept; managers may share it.
   */
  static async open(folder: string, compiled: string): Promise<ExecutorCaches> {
    await removeAll(folder);
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return new ExecutorCaches(folder, compiled);
  }

  /** Makes the folder of a new executor. */
  async issue(): Promise<ExecutorCache> {
    const next = this.#next;
    this.#next = undefined;
    const folder = await (next?.catch(() => this.#make()) ?? this.#make());
    return {
      folder,
      seal: async () => {
        if (!this.#isKept) await this.#keep(folder);
        // At once: a lease waits for it, and each turn of the event loop takes as long as all of this on a busy host.
        const leaving = `${folder}-leaving`;
        Deno.renameSync(folder, leaving);
        Deno.writeFileSync(folder, new Uint8Array(), { createNew: true });
        Deno.removeSync(leaving, { recursive: true });
      },
      remove: () => {
        const both = Promise.all([removeAll(folder), removeAll(`${folder}-leaving`)]);
        const removing = both.then(() => {}, (error) => {
          log().warn("cannot remove {folder}: {reason}", { folder, reason: error.message });
        }).finally(() => this.#removing.delete(removing));
        this.#removing.add(removing);
      },
    };
  }

  /** Copies the folder of the next executor, once there is compiled code. A failure shows when that executor needs it. */
  prepare(): void {
    if (!this.#isKept || this.#closed || this.#next !== undefined) return;
    this.#next = this.#make();
    this.#next.catch(() => {});
  }

  /** Waits until the folders of executors that have ended are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const next = await this.#next?.catch(() => undefined);
    if (next !== undefined) await removeAll(next);
    await Promise.all(this.#removing);
  }

  async #make(): Promise<string> {
    const folder = `${this.#folder}/${crypto.randomUUID()}`;
    await Deno.mkdir(folder, { mode: 0o700 });
    try {
      await this.#copyTo(folder);
    } catch (error) {
      await removeAll(folder); // each attempt would leave another one, most likely on a full disk
      throw error;
    }
    return folder;
  }

  async #copyTo(folder: string): Promise<void> {
    try {
      for await (const { name } of Deno.readDir(this.#compiled)) {
        await Deno.copyFile(`${this.#compiled}/${name}`, `${folder}/${name}`);
        this.#isKept = true;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // the first executor has not started yet
    }
  }

  /** Keeps a copy of the databases in `folder`, which its executor has open. */
  async #keep(folder: string): Promise<void> {
    const partial = `${this.#compiled}-${crypto.randomUUID()}`;
    try {
      await Deno.mkdir(partial, { mode: 0o700 });
      for await (const { name, isFile } of Deno.readDir(folder)) {
        if (!isFile || /-(wal|shm)$/.test(name)) continue;
        using database = new DatabaseSync(`${folder}/${name}`);
        database.prepare("VACUUM INTO ?").run(`${partial}/${name}`);
      }
      await Deno.rename(partial, this.#compiled);
      this.#isKept = true;
    } catch (error) {
      await removeAll(partial); // the next executor tries again; another manager may have been first
      log().debug("cannot keep compiled code: {reason}", { reason: (error as Error).message });
    }
  }
}

function log() {
  return getLogger(["rfaas", "executor-manager", "executors"]);
}

async function removeAll(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}
