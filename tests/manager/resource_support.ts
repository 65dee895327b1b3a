/** A resource manager for one test: real HTTP, real SQLite, a folder of its own. */
import {
  type ResourceManager,
  type ResourceManagerOptions,
  startResourceManager,
} from "../../manager/resource/resource_manager.ts";
import type { Role } from "../../manager/resource/store.ts";
import type { NodeRegistration, NodeWelcome } from "../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";

/** A clock that moves when told to. */
export class FakeClock {
  nowMs = 1_800_000_000_000;
  readonly read = () => this.nowMs;
}

/** A running resource manager with a client for each role. */
export class TestManager implements AsyncDisposable {
  readonly dir: string;
  readonly manager: ResourceManager;
  readonly url: string;
  readonly node: ManagerClient;
  readonly client: ManagerClient;
  readonly operator: ManagerClient;

  private constructor(dir: string, manager: ResourceManager) {
    this.dir = dir;
    this.manager = manager;
    this.url = manager.urls[0]!;
    this.node = this.as("node");
    this.client = this.as("client");
    this.operator = this.as("operator");
  }

  /** Starts one, in a folder of its own unless `dir` is given. */
  static async start(options: Partial<ResourceManagerOptions> = {}, dir?: string) {
    dir ??= await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const manager = await startResourceManager({
      listen: ["http://127.0.0.1:0"],
      stateDir: `${dir}/state`,
      ...options,
    });
    return new TestManager(dir, manager);
  }

  /** The text of a role's token. */
  token(role: Role): string {
    return Deno.readTextFileSync(this.manager.tokenFiles[role]).trim();
  }

  /** A new client; the caller closes it. */
  as(role: Role): ManagerClient {
    return new ManagerClient({ url: this.url, token: this.token(role) });
  }

  /** Registers a node. */
  register(name: string, told: Partial<NodeRegistration> = {}): Promise<NodeWelcome> {
    return this.node.registerNode({
      name,
      cores: 4,
      memoryBytes: 2 ** 30,
      addresses: [`shm:${name}`],
      bootId: "boot-1",
      ...told,
    });
  }

  /** The free cores of each node, by name. */
  async freeCores(): Promise<Record<string, number>> {
    const { nodes } = await this.operator.nodes();
    return Object.fromEntries(nodes.map((node) => [node.name, node.freeCores]));
  }

  /** Ends the manager and the clients, and leaves the folder. */
  async stop(): Promise<void> {
    this.node.close();
    this.client.close();
    this.operator.close();
    await this.manager.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.dir, { recursive: true });
  }
}
