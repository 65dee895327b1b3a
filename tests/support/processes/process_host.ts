/** A complete rfaas of real processes, which tests kill. */

import {
  bundleExecutor,
  type ExecutorBundle,
} from "../../../manager/executor/executors/executor_bundle.ts";
import type { PoolOptions } from "../../../manager/executor/executors/executor_pool.ts";
import { bundleModule } from "../../../runtime/package/bundle.ts";
import type { FabricName } from "../../../fabric/open.ts";
import { type Client, type ClientTuning, connectWith } from "../../../runtime/client/client.ts";
import type { Lease } from "../../../runtime/client/lease.ts";
import type { LeaseOptions } from "../../../runtime/client/lease_options.ts";
import type { SandboxChoice } from "../../../manager/executor/sandbox/os_sandbox.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { TestProcess } from "./process_child.ts";
import { children, killIfThere } from "./process_table.ts";
import { testFabric } from "../cluster/test_fabric.ts";
import { until } from "../waiting.ts";

interface Tokens {
  urls: string[];
  client: string;
  node: string;
  operator: string;
}

/** The bundles, made once for all hosts of a test file. */
let prepared: Promise<{ folder: string; executor: ExecutorBundle; functions: string }> | undefined;

function prepare() {
  return prepared ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-faults-" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const [executor, functions] = await Promise.all([
      bundleExecutor(folder),
      bundleModule(new URL("../functions/functions.ts", import.meta.url)),
    ]);
    await Deno.writeFile(`${folder}/functions.js`, functions);
    return { folder, executor, functions: `${folder}/functions.js` };
  })();
}

/** The argument of a client program. */
export interface ClientTask {
  readonly manager: string;
  readonly token: string;
  readonly fabric: FabricName;
  /** A bundled function package. */
  readonly functions: string;
  readonly mode: string;
  readonly lease: Omit<LeaseOptions, "functions" | "signal">;
}

/** Options of nodes that only some tests set. */
interface NodeMore {
  /** The grace period after SIGTERM, in milliseconds. @default {10_000} */
  drainMs?: number;
  /** Executors that wait for leases. @default {none} */
  pool?: PoolOptions;
  /** Maps the resource manager's URL to the one for nodes. @default {the same} */
  via?: (url: string) => string;
  /** The program that drains the nodes until it lends them. @default {none} */
  drainedBy?: string;
  /** The operating system's sandbox. @default {none} */
  sandbox?: SandboxChoice;
}

/** The processes and folders of one rfaas. Disposing ends all. */
export class ProcessHost implements AsyncDisposable {
  readonly #cleanUp = new AsyncDisposableStack();
  readonly #cores: number;
  readonly #executor: ExecutorBundle;
  readonly #dir: string;
  readonly #more: NodeMore;
  /** The path of a bundled function package: tests/support/functions/functions.ts. */
  readonly functions: string;
  readonly nodes = new Map<string, TestProcess>();
  resourceManager!: TestProcess;
  #tokens!: Tokens;
  /** A client of the resource manager with an operator's token. */
  operator!: ManagerClient;

  private constructor(
    cores: number,
    executor: ExecutorBundle,
    functions: string,
    dir: string,
    more: NodeMore,
  ) {
    this.#cores = cores;
    this.#executor = executor;
    this.functions = functions;
    this.#dir = dir;
    this.#more = more;
  }

  /** Starts a resource manager and nodes named `node-0` and so on. */
  static async start(
    { cores = 4, nodes = 1, listen = "", ...more }: {
      cores?: number;
      nodes?: number;
      listen?: string;
    } & NodeMore = {},
  ): Promise<ProcessHost> {
    const { executor, functions } = await prepare();
    const dir = await Deno.makeTempDir({ prefix: "rfaas-faults-" });
    const host = new ProcessHost(cores, executor, functions, dir, more);
    host.#cleanUp.defer(() => removeLeft(dir));
    try {
      await host.startResourceManager(listen || `unix:${dir}/manager.sock`);
      host.operator = new ManagerClient({ url: host.url, token: host.#tokens.operator });
      host.#cleanUp.defer(() => host.operator.close());
      await Promise.all(Array.from({ length: nodes }, (_, i) => host.startNode(`node-${i}`)));
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  get url(): string {
    return this.#tokens.urls[0]!;
  }

  get clientToken(): string {
    return this.#tokens.client;
  }

  /** The process of the first node's manager. */
  get node(): TestProcess {
    return this.nodes.get("node-0")!;
  }

  /** Starts the resource manager, or restarts it with its state. */
  async startResourceManager(listen = this.url): Promise<void> {
    this.resourceManager = this.#cleanUp.use(
      new TestProcess(new URL("./process_resource_manager.ts", import.meta.url), {
        listen: [listen],
        stateDir: `${this.#dir}/resource-manager`,
      }),
    );
    this.#tokens = await this.resourceManager.line<Tokens>();
  }

  /** Starts a node, or restarts it under its name. */
  async startNode(name: string, cores = this.#cores): Promise<TestProcess> {
    const { via = (url: string) => url, ...more } = this.#more;
    const node = this.#cleanUp.use(
      new TestProcess(new URL("./process_executor_manager.ts", import.meta.url), {
        manager: { url: via(this.url), token: this.#tokens.node },
        name,
        cores,
        memoryBytes: 8 * 2 ** 30,
        fabric: testFabric(),
        stateDir: `${this.#dir}/${name}`,
        executor: this.#executor,
        drainMs: 10_000,
        ...more,
      }),
    );
    await node.line();
    this.nodes.set(name, node);
    return node;
  }

  /** Makes a client in this process. The caller closes it. */
  connect(token = this.#tokens.client, tuning: ClientTuning = {}): Promise<Client> {
    return connectWith({ manager: this.url, token, fabric: testFabric() }, tuning);
  }

  /** Takes a lease of the test's functions. */
  lease(client: Client, options: Partial<LeaseOptions> = {}): Promise<Lease> {
    return client.lease({ functions: Deno.readFileSync(this.functions), ...options });
  }

  /** Starts a client program in a mode of tests/support/cluster/client_program.ts. */
  startClient(mode: string, lease: ClientTask["lease"] = {}): TestProcess {
    const task: ClientTask = {
      manager: this.url,
      token: this.#tokens.client,
      fabric: testFabric(),
      functions: this.functions,
      mode,
      lease,
    };
    return this.#cleanUp.use(
      new TestProcess(new URL("../cluster/client_program.ts", import.meta.url), task),
    );
  }

  /** The executors that a node's manager runs. */
  executors(node: TestProcess = this.node): number[] {
    return children(node.pid);
  }

  /** Waits until exactly one executor runs, and returns its process id. */
  async executor(): Promise<number> {
    const [pid] = await this.executorsOf(1);
    return pid!;
  }

  /** Waits until exactly so many executors run, one for each worker, and returns their process ids. */
  async executorsOf(workers: number): Promise<number[]> {
    await until(
      () => this.executors().length === workers,
      () => `${workers} executors run (${this.executors()})`,
    );
    return this.executors();
  }

  /** The free cores of a node, as the resource manager counts them. */
  async freeCores(name = "node-0"): Promise<number> {
    const { nodes } = await this.operator.nodes();
    return nodes.find((node) => node.name === name)?.freeCores ?? 0;
  }

  /** Waits until all cores of a node are free and it runs no executor. */
  async idle(boundMs = 3000): Promise<number> {
    let cores = -1;
    return await until(
      async () => {
        cores = await this.freeCores();
        return cores === this.#cores && this.executors().length === 0;
      },
      () => `all is free: ${cores} of ${this.#cores} cores, executors ${this.executors()}`,
      boundMs,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const executors = [...this.nodes.values()].flatMap((node) => this.executors(node));
    await this.#cleanUp.disposeAsync();
    for (const pid of executors) killIfThere(pid); // a stopped one does not end with its manager
  }
}

/** Removes a folder in which children of a killed manager may still write for some milliseconds. */
async function removeLeft(folder: string): Promise<void> {
  const isRemoved = () =>
    Deno.remove(folder, { recursive: true }).then(() => true, (error) => {
      if (`${error}`.includes("Directory not empty")) return false;
      throw error;
    });
  await until(isRemoved, () => `${folder} is removed`, 5000);
}
