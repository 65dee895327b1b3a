/** Both managers on this host, as child processes, for development. */

import type { FabricChoice } from "../../runtime/keeper/reach_node.ts";
import { loopbackUrl } from "../host.ts";
import { makeTemporaryFolder } from "../temporary_folder.ts";
import { ChildManager } from "./child_manager.ts";
import { dashboardLink } from "./dashboard_link.ts";

export interface LocalManagersOptions {
  /** Cores that the node lends. @default all */
  cores?: number | undefined;
  /** Memory that the node lends, in bytes. @default half of the host's */
  memoryBytes?: number | undefined;
  /** The fabric that the node listens on. @default "shm", which other hosts cannot reach */
  fabric?: FabricChoice;
  /** The IP address of an RDMA port: HOST or HOST:PORT. */
  fabricAddress?: string | undefined;
  /** Maximum number of idle executors. @default that of the executor manager */
  poolMax?: number | undefined;
  /** The addresses of the resource manager. @default a free port of the loopback address */
  listen?: readonly string[] | undefined;
  /** The configuration file of both. */
  config?: string | undefined;
  /** Variables that the node's owner permits functions to read. @default none */
  variables?: readonly string[] | undefined;
  /** The lowest level that both log to standard error. @default "warning" */
  logLevel?: string;
  /** Cancels the start. */
  signal?: AbortSignal;
}

/** A resource manager and one node, with a private state folder that is removed with them. */
export class LocalManagers implements AsyncDisposable {
  /** The resource manager's address. */
  readonly manager: string;
  /** A client token. */
  readonly token: string;
  /** A link that opens the dashboard, once, as an operator; undefined without an address for browsers. */
  readonly dashboard: string | undefined;
  /** The processes. */
  readonly resourceManager: ChildManager;
  readonly executorManager: ChildManager;
  readonly #folder: string;

  private constructor(
    address: { manager: string; token: string; dashboard: string | undefined },
    resourceManager: ChildManager,
    executorManager: ChildManager,
    folder: string,
  ) {
    this.manager = address.manager;
    this.token = address.token;
    this.dashboard = address.dashboard;
    this.resourceManager = resourceManager;
    this.executorManager = executorManager;
    this.#folder = folder;
  }

  /**
   * @throws {Error} If one of them cannot be started.
   * @throws {unknown} The signal's reason.
   */
  static async start(options: LocalManagersOptions = {}): Promise<LocalManagers> {
    const folder = await makeTemporaryFolder("rfaas-up-");
    const started: ChildManager[] = [];
    const start = async (args: string[]) => {
      const child = await ChildManager.start(
        [...args, ...commonArguments(options)],
        options.variables,
        options.signal,
      );
      started.push(child);
      return child;
    };
    try {
      const { listen = [loopbackUrl()] } = options;
      const resourceManager = await start([
        "resource-manager",
        "--state",
        `${folder}/resource-manager`,
        // The configuration may name a store for a cluster, and all of this one is removed.
        "--store",
        `sqlite:${folder}/resource-manager/state.sqlite`,
        ...listen.flatMap((url) => ["--listen", url]),
      ]);
      const { urls: [manager], tokenFiles } = resourceManager.ready as {
        urls: [string, ...string[]];
        tokenFiles: { operator: string; node: string; client: string };
      };
      const executorManager = await start([
        "executor-manager",
        "--state",
        `${folder}/executor-manager`,
        "--manager",
        manager,
        "--token-file",
        tokenFiles.node,
        ...nodeArguments(options),
      ]);
      const token = (await Deno.readTextFile(tokenFiles.client)).trim();
      const operator = (await Deno.readTextFile(tokenFiles.operator)).trim();
      const dashboard = await dashboardLink(manager, operator);
      return new LocalManagers(
        { manager, token, dashboard },
        resourceManager,
        executorManager,
        folder,
      );
    } catch (error) {
      for (const child of started.reverse()) await child.close();
      await removeIfThere(folder);
      throw error;
    }
  }

  /** Settles with the name of the manager that ends first. */
  get failed(): Promise<string> {
    return Promise.race([
      this.resourceManager.ended.then(() => "resource-manager"),
      this.executorManager.ended.then(() => "executor-manager"),
    ]);
  }

  /** Ends both, the node first so that it can deregister. May be called twice. */
  async close(): Promise<void> {
    await this.executorManager.close();
    await this.resourceManager.close();
    await removeIfThere(this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function commonArguments({ config, logLevel = "warning" }: LocalManagersOptions): string[] {
  return [
    ...(config === undefined ? [] : ["--config", config]),
    "--log-level",
    logLevel,
    "--remove-state", // this process may be killed
  ];
}

async function removeIfThere(folder: string): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

function nodeArguments(options: LocalManagersOptions): string[] {
  const { cores, memoryBytes, poolMax, fabric = "shm", fabricAddress } = options;
  return [
    ...(cores === undefined ? [] : ["--cores", String(cores)]),
    ...(memoryBytes === undefined ? [] : ["--memory", String(memoryBytes)]),
    ...(poolMax === undefined ? [] : ["--pool-max", String(poolMax)]),
    "--fabric",
    fabric,
    ...(fabricAddress === undefined ? [] : ["--fabric-address", fabricAddress]),
  ];
}
