/** A whole rfaas of real processes: what a test kills is what a user would lose. */

import { bundleExecutor, type ExecutorBundle } from "../../manager/executor/executor_bundle.ts";
import type { PoolOptions } from "../../manager/executor/executor_pool.ts";
import { bundleModule } from "../../runtime/package/bundle.ts";
import type { FabricName } from "../../fabric/open.ts";
import { type Client, type ClientTuning, connect } from "../../runtime/client/client.ts";
import type { Lease } from "../../runtime/client/lease.ts";
import type { LeaseOptions } from "../../runtime/client/lease_options.ts";
import type { SandboxChoice } from "../../manager/executor/sandbox/os_sandbox.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { TestProcess } from "./process_child.ts";
import { children, killIfThere, until } from "./process_table.ts";
import { testFabric } from "./test_fabric.ts";

interface Tokens {
  urls: string[];
  client: string;
  node: string;
  operator: string;
}

/** What is bundled once for all hosts of a test file. */
let prepared: Promise<{ folder: string; executor: ExecutorBundle; functions: string }> | undefined;

function prepare() {
  return prepared ??= (async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-faults-" });
    addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    const [executor, functions] = await Promise.all([
      bundleExecutor(folder),
      bundleModule(new URL("./functions.ts", import.meta.url)),
    ]);
    await Deno.writeFile(`${folder}/functions.js`, functions);
    return { folder, executor, functions: `${folder}/functions.js` };
  })();
}

/** What a client program is told. */
export interface ClientTask {
  readonly manager: string;
  readonly token: string;
  readonly fabric: FabricName;
  /** A bundled function package. */
  readonly functions: string;
  readonly mode: string;
  readonly lease: Omit<LeaseOptions, "functions" | "signal">;
}

/** What only some tests ask of nodes. */
interface NodeMore {
  /** The notice that SIGTERM gives, in milliseconds. @default {10_000} */
  drainMs?: number;
  /** @default none */
  pool?: PoolOptions;
  /** Where nodes reach the resource manager, given where it listens. @default there */
  via?: (url: string) => string;
  /** @default none */
  sandbox?: SandboxChoice;
}

export class ProcessHost implements AsyncDisposable {
  readonly #cleanUp = new AsyncDisposableStack();
  readonly #cores: number;
  readonly #executor: ExecutorBundle;
  readonly #dir: string;
  readonly #more: NodeMore;
  /** A function package, bundled: tests/support/functions.ts. */
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
    host.#cleanUp.defer(() => Deno.remove(dir, { recursive: true }));
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

  /** Starts the resource manager, or starts it again on its state. */
  async startResourceManager(listen = this.url): Promise<void> {
    this.resourceManager = this.#cleanUp.use(
      new TestProcess(new URL("./process_resource_manager.ts", import.meta.url), {
        listen: [listen],
        stateDir: `${this.#dir}/resource-manager`,
      }),
    );
    this.#tokens = await this.resourceManager.line<Tokens>();
  }

  /** Starts a node, or starts it again under its name. */
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

  /** A client in this process. The caller closes it. */
  connect(token = this.#tokens.client, tuning: ClientTuning = {}): Promise<Client> {
    return connect({ manager: this.url, token, fabric: testFabric() }, tuning);
  }

  /** A lease of the test's functions. */
  lease(client: Client, options: Partial<LeaseOptions> = {}): Promise<Lease> {
    return client.lease({ functions: Deno.readFileSync(this.functions), ...options });
  }

  /** Starts a client program: a mode of tests/faults/client_program.ts. */
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
      new TestProcess(new URL("../faults/client_program.ts", import.meta.url), task),
    );
  }

  /** The executors that a node's manager runs. */
  executors(node: TestProcess = this.node): number[] {
    return children(node.pid);
  }

  /** The one executor that runs. */
  async executor(node: TestProcess = this.node): Promise<number> {
    await until(
      () => this.executors(node).length === 1,
      () => `one executor runs (${this.executors(node)})`,
    );
    return this.executors(node)[0]!;
  }

  /** Free cores as the resource manager counts them. */
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
    for (const pid of executors) killIfThere(pid); // one that was stopped can't end with its manager
  }
}
