/** A whole rfaas in this process: a resource manager, nodes with real executor processes, clients. */

import { bundleExecutor, type ExecutorBundle } from "../../manager/executor/executor_bundle.ts";
import type { PoolOptions } from "../../manager/executor/executor_pool.ts";
import { ExecutorManager } from "../../manager/executor/executor_manager.ts";
import type { NodeLimits } from "../../manager/executor/node_clients.ts";
import type { MemoryBoundChoice } from "../../manager/executor/limits/memory_bounds.ts";
import type { SandboxChoice } from "../../manager/executor/sandbox/os_sandbox.ts";
import {
  type ResourceManager,
  startResourceManager,
} from "../../manager/resource/resource_manager.ts";
import { type Client, type ClientTuning, connect } from "../../runtime/client/client.ts";
import type { FunctionPermissions } from "../../runtime/permissions.ts";
import type { FabricChoice } from "../../runtime/keeper/reach_node.ts";
import { testFabric } from "./test_fabric.ts";
import { testSandbox } from "./test_sandbox.ts";

/** Options of {@linkcode startCluster}. */
export interface ClusterOptions {
  /** Cores that each node lends; they are not checked against the host's. @default {4} */
  cores?: number;
  /** Memory that each node lends. @default {4 GiB} */
  memoryBytes?: number;
  /** Workers that each node leases for a core. @default 1 */
  oversubscription?: number;
  /** Nodes, named `node-0` and so on. @default {1} */
  nodes?: number;
  /** What the nodes listen on. @default the fabric under test */
  fabric?: FabricChoice;
  /** Whether the nodes take shared libraries. @default {false} */
  native?: boolean;
  /** Executors that wait for leases on each node. @default none */
  pool?: PoolOptions;
  /** The operating system's sandbox of each node. @default the sandbox under test */
  sandbox?: SandboxChoice;
  /** Who keeps the limits of memory. @default {"auto"} */
  memoryBounds?: MemoryBoundChoice;
  /** @default none */
  limits?: NodeLimits;
  /** Whether workers keep to cores of their own. @default {false} */
  pinCores?: boolean;
  /** What each node lets functions do. @default nothing */
  permissions?: FunctionPermissions;
  /** How long clients may be connected to a node and hold no lease. @default 10 s */
  leaselessMs?: number;
}

/** A running cluster. Its clients, nodes and folders go with it. */
export interface Cluster extends AsyncDisposable {
  readonly managerUrl: string;
  readonly clientToken: string;
  readonly nodeToken: string;
  readonly operatorToken: string;
  readonly resourceManager: ResourceManager;
  readonly nodes: ExecutorManager[];
  /** The folder of the resource manager's state. */
  readonly stateDir: string;
  /** A new client of this cluster, on the fabric under test unless another is named; it is closed with the cluster, at the latest. */
  connect(tuning?: ClientTuning, fabric?: FabricChoice): Promise<Client>;
  /** Starts one more node, or one that was closed again under its name. */
  startNode(name: string): Promise<ExecutorManager>;
}

let bundled: Promise<ExecutorBundle> | undefined;

/** The executor's code, bundled once for all clusters of a test file. */
function sharedBundle(): Promise<ExecutorBundle> {
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
    const resourceManager = await startResourceManager({
      listen: ["http://127.0.0.1:0"],
      stateDir,
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
        ...(options.pool ? { pool: options.pool } : {}),
        sandbox: options.sandbox ?? testSandbox(),
        ...(options.limits ? { limits: options.limits } : {}),
        ...(options.pinCores ? { pinCores: true } : {}),
        ...(options.permissions ? { permissions: options.permissions } : {}),
        ...(options.leaselessMs === undefined ? {} : { leaselessMs: options.leaselessMs }),
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
      startNode,
      connect: async (tuning, fabric = testFabric()) => {
        const client = await connect({ manager: managerUrl, token: clientToken, fabric }, tuning);
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
