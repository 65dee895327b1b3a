/** A resource manager for one test, with HTTP, SQLite and its own folder. Its store runs each change twice. */
import {
  type ResourceManager,
  type ResourceManagerOptions,
  startResourceManager,
} from "../../../manager/resource/resource_manager.ts";
import { SqliteStore } from "../../../manager/resource/store/sqlite/sqlite_store.ts";
import type { Role } from "../../../manager/resource/store/store.ts";
import type {
  NodeRegistration,
  NodeRegistrationResponse,
} from "../../../runtime/http/manager_api.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { limitMs } from "../time_factor.ts";
import { assertOutsideChange, TwiceStore } from "./twice_store.ts";

/** A clock that a test sets. */
export class FakeClock {
  nowMs = 1_800_000_000_000;
  readonly read = () => {
    assertOutsideChange("the clock");
    return this.nowMs;
  };
}

/** A running resource manager with a client for each role. */
export class TestManager implements AsyncDisposable {
  readonly dir: string;
  readonly manager: ResourceManager;
  readonly url: string;
  readonly node: ManagerClient;
  readonly client: ManagerClient;
  readonly operator: ManagerClient;

  readonly #store: TwiceStore | undefined;

  private constructor(dir: string, manager: ResourceManager, store: TwiceStore | undefined) {
    this.#store = store;
    this.dir = dir;
    this.manager = manager;
    this.url = manager.urls[0]!;
    this.node = this.as("node");
    this.client = this.as("client");
    this.operator = this.as("operator");
  }

  /** Starts one, in a new folder unless `dir` is given. */
  static async start(options: Partial<ResourceManagerOptions> = {}, dir?: string) {
    dir ??= await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const stores: TwiceStore[] = [];
    const openTwice = (stateDir: string) => {
      stores.push(new TwiceStore(new SqliteStore(`${stateDir}/state.sqlite`)));
      return stores[0]!;
    };
    const manager = await startResourceManager({
      ...(options.store === undefined ? { openStore: openTwice } : {}),
      listen: ["http://127.0.0.1:0"],
      stateDir: `${dir}/state`,
      ...options,
    });
    return new TestManager(dir, manager, stores[0]);
  }

  /** The text of a role's token. */
  token(role: Role): string {
    return Deno.readTextFileSync(this.manager.tokenFiles[role]).trim();
  }

  /** A new client, which the caller closes. */
  as(role: Role): ManagerClient {
    return new ManagerClient({ url: this.url, token: this.token(role), timeoutMs: limitMs(5000) });
  }

  /** Registers a node. */
  register(
    name: string,
    fields: Partial<NodeRegistration> = {},
  ): Promise<NodeRegistrationResponse> {
    return this.node.registerNode({
      name,
      cores: 4,
      memoryBytes: 2 ** 30,
      addresses: [`shm:${name}`],
      bootId: "boot-1",
      ...fields,
    });
  }

  /** The free cores of each node, by name. */
  async freeCores(): Promise<Record<string, number>> {
    const { nodes } = await this.operator.nodes();
    return Object.fromEntries(nodes.map((node) => [node.name, node.freeCores]));
  }

  /** Ends the manager and the clients, and keeps the folder. */
  async stop(): Promise<void> {
    this.node.close();
    this.client.close();
    this.operator.close();
    await this.manager.close();
    this.#store?.assertPure();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.dir, { recursive: true });
  }
}
