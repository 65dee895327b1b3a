/** Both managers on this host, as child processes, for development. */

import type { FabricChoice } from "../runtime/keeper/reach_node.ts";
import { ChildManager } from "./child_manager.ts";

export interface LocalManagersOptions {
  /** Cores that the node lends. @default all */
  cores?: number | undefined;
  /** Memory that the node lends, in bytes. @default half of the host's */
  memoryBytes?: number | undefined;
  /** What the node listens on. @default "shm": nobody else is let in unless that is asked for */
  fabric?: FabricChoice;
  /** The IP address of an RDMA port, and perhaps a port. */
  fabricAddress?: string | undefined;
  /** Executors that wait for leases at most. @default as the executor manager's */
  poolMax?: number | undefined;
  /** Where the resource manager listens. @default a free port of the loopback address */
  listen?: readonly string[] | undefined;
  /** The configuration file of both. */
  config?: string | undefined;
  /** What both log to standard error. @default "warning" */
  logLevel?: string;
  /** Gives up starting. */
  signal?: AbortSignal;
}

/** A resource manager and one node, with a private state folder that goes away with them. */
export class LocalManagers implements AsyncDisposable {
  /** The resource manager's address. */
  readonly manager: string;
  /** A client token. */
  readonly token: string;
  /** The processes. */
  readonly resourceManager: ChildManager;
  readonly executorManager: ChildManager;
  readonly #folder: string;

  private constructor(
    address: { manager: string; token: string },
    resourceManager: ChildManager,
    executorManager: ChildManager,
    folder: string,
  ) {
    this.manager = address.manager;
    this.token = address.token;
    this.resourceManager = resourceManager;
    this.executorManager = executorManager;
    this.#folder = folder;
  }

  /** @throws {Error} if one of them can't be started, or the signal's reason. */
  static async start(options: LocalManagersOptions = {}): Promise<LocalManagers> {
    const { signal } = options;
    const folder = await Deno.makeTempDir({ prefix: "rfaas-up-" }); // mode 0700
    const started: ChildManager[] = [];
    const start = async (args: string[], env: Record<string, string> = {}) => {
      const child = await ChildManager.start(
        [
          ...args,
          ...(options.config === undefined ? [] : ["--config", options.config]),
          "--log-level",
          options.logLevel ?? "warning",
        ],
        env,
        signal,
      );
      started.push(child);
      return child;
    };
    try {
      const resourceManager = await start([
        "resource-manager",
        "--state",
        `${folder}/resource-manager`,
        ...(options.listen ?? ["http://127.0.0.1:0"]).flatMap((url) => ["--listen", url]),
      ]);
      const { urls, tokenFiles } = resourceManager.ready as {
        urls: string[];
        tokenFiles: { node: string; client: string };
      };
      const executorManager = await start([
        "executor-manager",
        "--state",
        `${folder}/executor-manager`,
        ...(options.cores === undefined ? [] : ["--cores", String(options.cores)]),
        ...(options.memoryBytes === undefined ? [] : ["--memory", String(options.memoryBytes)]),
        ...(options.poolMax === undefined ? [] : ["--pool-max", String(options.poolMax)]),
        "--fabric",
        options.fabric ?? "shm",
        ...(options.fabricAddress === undefined ? [] : ["--fabric-address", options.fabricAddress]),
        "--manager",
        urls[0]!,
        "--token-file",
        tokenFiles.node,
      ]);
      const token = (await Deno.readTextFile(tokenFiles.client)).trim();
      return new LocalManagers(
        { manager: urls[0]!, token },
        resourceManager,
        executorManager,
        folder,
      );
    } catch (error) {
      for (const child of started.reverse()) await child.close();
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  /** Settles with the name of the one that ended, should one end by itself. */
  get failed(): Promise<string> {
    return Promise.race([
      this.resourceManager.ended.then(() => "resource-manager"),
      this.executorManager.ended.then(() => "executor-manager"),
    ]);
  }

  /** Ends the node first, so that it can say goodbye. May be called twice. */
  async close(): Promise<void> {
    await this.executorManager.close();
    await this.resourceManager.close();
    await Deno.remove(this.#folder, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
