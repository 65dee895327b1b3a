/** This host as a cluster of one node, whose workers an example leases. */

import { LocalManagers } from "../../cli/children/local_managers.ts";
import { type Client, connect } from "../../mod.ts";
import { HOT_MS, type Way, type WayFunctions } from "./way.ts";

export interface LeaseHostOptions {
  /** Cores that the node lends. */
  readonly cores: number;
  readonly fabric: "shm" | "verbs";
  /** The configuration file of the node. */
  readonly config?: string | undefined;
  readonly signal: AbortSignal;
}

/** Starts both managers when the first lease is taken, and ends them with all leases. */
export class LeaseHost implements AsyncDisposable {
  readonly #options: LeaseHostOptions;
  readonly #opened = new AsyncDisposableStack();
  #client: Promise<Client> | undefined;

  constructor(options: LeaseHostOptions) {
    this.#options = options;
  }

  /** Takes a lease of `count` workers. */
  async lease(count: number, functions: WayFunctions): Promise<Way> {
    const { signal } = this.#options;
    const { module, leased = module, maxBytes, memory, depth = 4, loadMs } = functions;
    const client = await (this.#client ??= this.#connect());
    const lease = await client.lease({
      functions: leased,
      workers: count,
      memory,
      maxBytes,
      depth,
      hotMs: HOT_MS,
      waitMs: 60_000, // an emulated machine is slow to start
      signal,
      ...(loadMs === undefined ? {} : { loadMs }),
    });
    return {
      name: `lease, ${count} ${count === 1 ? "worker" : "workers"}`,
      kind: "lease",
      workers: Array.from({ length: count }, (_, worker) => ({
        prepare: (name, sizes) => lease.prepare(name, { ...sizes, worker }),
      })),
      map: (name, inputs) => lease.map(name, inputs, { signal }),
      [Symbol.asyncDispose]: () => lease[Symbol.asyncDispose](),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  async #connect(): Promise<Client> {
    const { fabric, signal } = this.#options;
    // The boot of an idle executor would use a core that is measured.
    const managers = await LocalManagers.start({ ...this.#options, poolMax: 0 });
    this.#opened.use(managers);
    return this.#opened.use(await connect({ ...managers, fabric, signal }));
  }
}
