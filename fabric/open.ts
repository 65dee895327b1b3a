/** All providers of a thread. Which one is meant is told by the address; each is opened when it is first needed. */

import { type Address, parseAddress } from "./address.ts";
import { FabricError } from "./errors.ts";
import type { Connection, ConnectionOptions, Listener, Provider } from "./fabric.ts";
import type { ShmTuning } from "./shm/join.ts";
import { openShm } from "./shm/provider.ts";
import { openVerbs, type VerbsOptions } from "./verbs/provider.ts";

/** The name of a provider, which its addresses begin with. */
export type FabricName = Address["provider"];

/** What is passed on to each provider when it is opened. */
export interface FabricsOptions {
  readonly shm?: ShmTuning;
  readonly verbs?: VerbsOptions;
}

/** Providers of one thread, opened at their first use: who needs only shm never touches an RDMA library. */
export class Fabrics implements AsyncDisposable {
  /** Fulfilled once every provider has given everything back after {@linkcode Fabrics.close}. */
  readonly closed: Promise<void>;
  readonly #options: FabricsOptions;
  readonly #opened = new Map<FabricName, Provider>();
  readonly #setClosed: (closed: Promise<void>) => void;
  #open = true;

  constructor(options: FabricsOptions = {}) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#setClosed = resolve;
  }

  /**
   * A provider by its name.
   *
   * @throws {FabricError} code `unavailable` when it can't be opened: no library, no device, no permission.
   */
  of(name: FabricName): Provider {
    if (!this.#open) {
      throw new FabricError(`Cannot use the ${name} fabric: it was closed by this side`, "state");
    }
    let provider = this.#opened.get(name);
    if (!provider) this.#opened.set(name, provider = this.#openProvider(name));
    return provider;
  }

  /** Connects by the provider that the address names. */
  async connect(address: string, options: ConnectionOptions): Promise<Connection> {
    return await this.of(parseAddress(address).provider).connect(address, options);
  }

  /** Listens at an address, or at a fresh one of the provider whose bare name is given. */
  async listen(place: FabricName | string): Promise<Listener> {
    if (place === "shm" || place === "verbs") return await this.of(place).listen();
    return await this.of(parseAddress(place).provider).listen(place);
  }

  /** Closes all that was opened; connections and listeners must be closed before. May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const providers = [...this.#opened.values()];
    for (const provider of providers) provider.close();
    this.#setClosed(Promise.all(providers.map(({ closed }) => closed)).then(() => {}));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.closed;
  }

  #openProvider(name: FabricName): Provider {
    try {
      return name === "shm" ? openShm(this.#options.shm) : openVerbs(this.#options.verbs);
    } catch (cause) {
      if (cause instanceof FabricError) throw cause;
      throw new FabricError(
        `Cannot use the ${name} fabric: ${(cause as Error).message}`,
        "unavailable",
        { cause },
      );
    }
  }
}
