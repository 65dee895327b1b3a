/** A complete rfaas in this process: a resource manager, nodes with real executor processes, clients. */

import {
  bundleExecutor,
  type ExecutorBundle,
} from "../../../manager/executor/executors/executor_bundle.ts";
import type { PoolOptions } from "../../../manager/executor/executors/executor_pool.ts";
import { ExecutorManager } from "../../../manager/executor/executor_manager.ts";
import type { BooksOptions } from "../../../manager/resource/books/open_books.ts";
import type { NodeLimits } from "../../../manager/executor/leases/node_leases.ts";
import type { MemoryBoundChoice } from "../../../manager/executor/limits/memory_bounds.ts";
import type { SandboxChoice } from "../../../manager/executor/sandbox/os_sandbox.ts";
import {
  type ResourceManager,
  startResourceManager,
} from "../../../manager/resource/resource_manager.ts";
import { type Client, type ClientTuning, connectWith } from "../../../runtime/client/client.ts";
import type { FunctionPermissions } from "../../../runtime/permissions.ts";
import type { FabricChoice } from "../../../runtime/keeper/reach_node.ts";
import { testFabric } from "./test_fabric.ts";
import { testSandbox } from "./test_sandbox.ts";

/** Options of {@linkcode startCluster}. */
export interface ClusterOptions {
  /** Cores that each node lends, whatever the host has. @default {4} */
  cores?: number;
  /** Memory that each node lends. @default {4 GiB} */
  memoryBytes?: number;
  /** Workers that each node lends per core. @default {1} */
  oversubscription?: number;
  /** Nodes, named `node-0` and so on. @default {1} */
  nodes?: number;
  /** The fabric of the nodes. @default {the fabric under test} */
  fabric?: FabricChoice;
  /** Whether the nodes accept shared libraries. @default {false} */
  native?: boolean;
  /** Executors that wait for leases on each node. @default {none} */
  pool?: PoolOptions;
  /** The operating system's sandbox of each node. @default {the sandbox under test} */
  sandbox?: SandboxChoice | "auto";
  /** The mechanism that enforces memory limits. @default {"auto"} */
  memoryBounds?: MemoryBoundChoice;
  /** The limits of each node. @default {none} */
  limits?: NodeLimits;
  /** Whether each worker runs on a core of its own. @default {false} */
  pinCores?: boolean;
  /** The permissions of functions on each node. @default {none} */
  permissions?: FunctionPermissions;
  /** How long clients may be connected to a node without a lease. @default {10 s} */
  idleClientMs?: number;
  /** Whether both managers serve metrics, on free ports. @default {false} */
  metrics?: boolean;
  /** The classes of clients. @default {none} */
  classes?: BooksOptions["classes"];
}

/** A running cluster. Disposing closes its clients and nodes, and removes its folders. */
export interface Cluster extends AsyncDisposable {
  readonly managerUrl: string;
  readonly clientToken: string;
  readonly nodeToken: string;
  readonly operatorToken: string;
  readonly resourceManager: ResourceManager;
  readonly nodes: ExecutorManager[];
  /** The folder of the resource manager's state. */
  readonly stateDir: string;
  /** The folders that the nodes write to. */
  nodeFolders(): string[];
  /** Makes a client of this cluster, by default on the fabric under test. Closing the cluster closes it too. */
  connect(tuning?: ClientTuning, fabric?: FabricChoice): Promise<Client>;
  /** Starts another node, or restarts a closed one under its name. */
  startNode(name: string): Promise<ExecutorManager>;
}

let bundled: Promise<ExecutorBundle> | undefined;

/** Bundles the executor's code once for all clusters of a test file. */
export function sharedBundle(): Promise<ExecutorBundle> {
  return bundled ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-bundle-" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    return await bundleExecutor(folder);
  })();
}

/** Starts both managers on free ports, with folders of their own. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { cores = 4, memoryBytes = 4 * 2 ** 30, nodes: count = 1, fabric = testFabric() } = options;
  const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const stateDir = `${dir}/resource-manager`;
  const cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => Deno.remove(dir, { recursive: true }));
  try {
    const executor = await sharedBundle();
    const metrics = options.metrics ? { metrics: { listen: "http://127.0.0.1:0" } } : {};
    const resourceManager = await startResourceManager({
      listen: ["http://127.0.0.1:0"],
      stateDir,
      ...metrics,
      ...(options.classes ? { classes: options.classes } : {}),
    });
    cleanUp.defer(() => resourceManager.close());
    const token = (role: "client" | "node" | "operator") =>
      Deno.readTextFileSync(resourceManager.tokenFiles[role]).trim();
    const managerUrl = resourceManager.urls[0]!;
    const nodes: ExecutorManager[] = [];
    const startNode = async (name: string) => {
      const node = await ExecutorManager.start({
        manager: { url: managerUrl, token: token("node") },
        name,
        cores,
        oversubscription: options.oversubscription ?? 1,
        memoryBytes,
        fabric,
        stateDir: `${dir}/${name}`,
        executor,
        native: options.native ?? false,
        ...metrics,
        ...(options.pool ? { pool: options.pool } : {}),
        sandbox: options.sandbox ?? testSandbox(),
        ...(options.limits ? { limits: options.limits } : {}),
        ...(options.pinCores ? { pinCores: true } : {}),
        ...(options.permissions ? { permissions: options.permissions } : {}),
        ...(options.idleClientMs === undefined ? {} : { idleClientMs: options.idleClientMs }),
        ...(options.memoryBounds ? { memoryBounds: options.memoryBounds } : {}),
      });
      cleanUp.defer(() => node.close());
      nodes.push(node);
      return node;
    };
    for (let i = 0; i < count; i++) await startNode(`node-${i}`);
    const clientToken = token("client");
    return {
      managerUrl,
      clientToken,
      nodeToken: token("node"),
      operatorToken: token("operator"),
      resourceManager,
      nodes,
      stateDir,
      nodeFolders: () => [
        executor.folder,
        ...[...Deno.readDirSync(dir)].map(({ name }) => `${dir}/${name}`).filter((folder) =>
          folder !== stateDir
        ),
      ],
      startNode,
      connect: async (tuning, fabric = testFabric()) => {
        const client = await connectWith(
          { manager: managerUrl, token: clientToken, fabric },
          tuning ?? {},
        );
        cleanUp.defer(() => client.close());
        return client;
      },
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}
