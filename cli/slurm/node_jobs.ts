/**
 * The jobs on a node of Slurm, as the hooks have seen them: a file for each.
 *
 * Slurm's own commands would show them, but each request of a hook to slurmctld delays the jobs of a large cluster
 * (Slurm's page on Prolog and Epilog).
 */

/** A job, and the processors that it has on the node. */
export interface NodeJob {
  readonly job: string;
  /** All of them, if that is not known. */
  readonly cpus: number;
}

/** The jobs of one node, while no other hook of the node lists or removes any. */
export class NodeJobs implements Disposable {
  readonly #folder: string;
  readonly #lock: Deno.FsFile;

  private constructor(folder: string, lock: Deno.FsFile) {
    this.#folder = folder;
    this.#lock = lock;
  }

  /**
   * A job begins, whatever other hooks do at the time. May be repeated: a job that is requeued has the same number.
   *
   * @param folder of all nodes of this host.
   */
  static async add(folder: string, node: string, { job, cpus }: NodeJob): Promise<void> {
    const own = await makeFolder(folder, node);
    await Deno.writeTextFile(`${own}/${job}`, Number.isFinite(cpus) ? `${cpus}` : "");
  }

  /**
   * Waits until no other hook has them. A Prolog and an Epilog may run at once on a node that jobs share.
   *
   * @param folder of all nodes of this host.
   */
  static async open(folder: string, node: string): Promise<NodeJobs> {
    const own = await makeFolder(folder, node);
    const lock = await Deno.open(`${folder}/${node}.lock`, { create: true, write: true });
    await lock.lock(true);
    return new NodeJobs(own, lock);
  }

  /** A job has ended. May be repeated. */
  async remove(job: string): Promise<void> {
    await Deno.remove(`${this.#folder}/${job}`).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  async list(): Promise<NodeJob[]> {
    const entries = await Array.fromAsync(Deno.readDir(this.#folder));
    const jobs = entries.map(async ({ name: job }) => {
      const cpus = Number(await Deno.readTextFile(`${this.#folder}/${job}`));
      return { job, cpus: cpus > 0 ? cpus : Infinity };
    });
    return (await Promise.all(jobs)).sort((a, b) => a.job < b.job ? -1 : 1);
  }

  /** Lets other hooks go on. */
  [Symbol.dispose](): void {
    this.#lock.close();
  }
}

async function makeFolder(folder: string, node: string): Promise<string> {
  const own = `${folder}/${node}`;
  await Deno.mkdir(own, { recursive: true, mode: 0o700 });
  return own;
}

/**
 * The processors that a job has on a node, by Slurm's `SLURM_JOB_CPUS_PER_NODE`, such as `4(x2),1`: the most that it has
 * on any node, since the position of this one is not part of it. Infinity if the text is not as expected.
 */
export function cpusOf(text: string): number {
  const parts = text.split(",").map((part) => /^([1-9]\d{0,6})(\(x\d+\))?$/.exec(part)?.[1]);
  return Math.max(...parts.map((part) => part === undefined ? Infinity : Number(part)));
}
