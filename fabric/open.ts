/** All providers of a thread. The address selects the provider, which is opened at its first use. */

import type { Holdings } from "../ffi/libc.ts";
import { type Address, parseAddress } from "./address.ts";
import { FabricError } from "./errors.ts";
import type { Connection, ConnectionOptions, Listener, Provider } from "./fabric.ts";
import type { ShmTuning } from "./shm/join.ts";
import { openShm } from "./shm/provider.ts";
import { openVerbs, type VerbsOptions } from "./verbs/provider.ts";

/** The name of a provider, with which its addresses begin. */
export type FabricName = Address["provider"];

/** The options with which each provider is opened. */
export interface FabricsOptions {
  readonly shm?: ShmTuning;
  readonly verbs?: VerbsOptions;
  /** Of a thread that may end while its process goes on. */
  readonly holdings?: Holdings;
}

/** The providers of one thread, opened at their first use: a program that uses only shm loads no RDMA library. */
export class Fabrics implements AsyncDisposable {
  /** Fulfilled once every provider has released everything after {@linkcode Fabrics.close}. */
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
   * @throws {FabricError} code `unavailable` when it cannot be opened: no library, no device, no permission; `state`
   * after {@linkcode Fabrics.close}.
   */
  of(name: FabricName): Provider {
    if (!this.#open) {
      throw new FabricError(`Cannot use the ${name} fabric: it is closed`, "state");
    }
    let provider = this.#opened.get(name);
    if (!provider) this.#opened.set(name, provider = this.#openProvider(name));
    return provider;
  }

  /**
   * Connects by the provider that the address names.
   *
   * @throws {FabricError} as {@linkcode Fabrics.of} and {@linkcode Provider.connect}.
   */
  async connect(address: string, options: ConnectionOptions): Promise<Connection> {
    return await this.of(parseAddress(address).provider).connect(address, options);
  }

  /**
   * Listens at an address, or at a fresh one of the provider with this name.
   *
   * @throws {FabricError} as {@linkcode Fabrics.of} and {@linkcode Provider.listen}.
   */
  async listen(place: FabricName | string): Promise<Listener> {
    if (place === "shm" || place === "verbs") return await this.of(place).listen();
    return await this.of(parseAddress(place).provider).listen(place);
  }

  /** Closes the open providers. Connections and listeners must be closed before. May be called twice. */
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
      const { shm, verbs, holdings } = this.#options;
      return name === "shm" ? openShm(shm, holdings) : openVerbs(verbs, holdings);
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
