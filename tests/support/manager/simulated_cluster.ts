/** A resource manager whose nodes and leases are rows alone, as many as a test needs. */
import { timeOrderedName } from "../../../runtime/grant/time_ordered_name.ts";
import {
  type ResourceManager,
  startResourceManager,
} from "../../../manager/resource/resource_manager.ts";
import type { Heartbeat } from "../../../runtime/http/heartbeat_api.ts";
import { MemoryStore } from "../../../manager/resource/store/memory_store.ts";
import { allocationRow, leaseRow, nodeRow } from "./store_rows.ts";

/** A node with the workers of each of its leases. */
export interface SimulatedNode {
  readonly id: string;
  readonly leases: Map<string, number>;
}

/** What {@linkcode SimulatedCluster.start} makes. */
export interface SimulatedOptions {
  readonly nodes: number;
  readonly leasesEach: number;
  /** The cores of a node, by its number. @default {64} */
  readonly cores?: (at: number) => number;
  /** The workers of a lease, by its number. @default {1 to 6} */
  readonly workers?: (at: number) => number;
  readonly clients: readonly string[];
  readonly nameOf?: (at: number) => string;
  /** How long ago the resource manager started, by its clock, for {@linkcode SimulatedCluster.advanceTo}. @default {0} */
  readonly startedMsAgo?: number;
}

/** Seconds for which a worker has computed and polled in each second, and its calls, by the number of its lease. */
const SHARES = [
  [1, 0, 40],
  [0.6, 0.4, 90_000],
  [0.3, 0.7, 1_200_000],
  [0.05, 0.4, 3000],
  [0, 0, 0],
  [0.8, 0.1, 700],
] as const;
const TERM_MS = 3_600_000;

/** The resource manager, in this process. */
export class SimulatedCluster implements AsyncDisposable {
  readonly manager: ResourceManager;
  readonly store: MemoryStore;
  readonly nodes: SimulatedNode[];
  readonly #dir: string;
  readonly #clock: { behindMs: number };
  #beats = 0;

  private constructor(
    manager: ResourceManager,
    store: MemoryStore,
    nodes: SimulatedNode[],
    dir: string,
    clock: { behindMs: number },
  ) {
    this.manager = manager;
    this.store = store;
    this.nodes = nodes;
    this.#dir = dir;
    this.#clock = clock;
  }

  static async start(options: SimulatedOptions): Promise<SimulatedCluster> {
    const {
      cores = () => 64,
      workers = (at) => 1 + at % 6,
      clients,
      nameOf = (at) => `node-${at}`,
    } = options;
    const dir = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const store = new MemoryStore();
    const nowMs = Date.now();
    const nodes = Array.from({ length: options.nodes }, (_, at) => {
      const node = { id: timeOrderedName(Date.now()), leases: new Map<string, number>() };
      let free = cores(at);
      for (let i = 0; i < options.leasesEach && free > 0; i++) {
        const count = Math.min(free, workers(at * options.leasesEach + i));
        free -= count;
        node.leases.set(timeOrderedName(Date.now()), count);
      }
      return node;
    });
    await store.transact((tx) => {
      for (const [at, { id, leases }] of nodes.entries()) {
        const memoryBytes = cores(at) * 2 ** 32;
        tx.putNode(
          nodeRow(id, {
            name: nameOf(at),
            cores: cores(at),
            maxCores: cores(at),
            memoryBytes,
            lastSeenMs: nowMs,
          }),
        );
        for (const [i, [lease, count]] of [...leases].entries()) {
          const size = { workers: count, memoryBytes: count * 2 ** 29 };
          const client = clients[(at + i) % clients.length]!;
          const issuedMs = nowMs - (at * 97_777 + i * 131_313) % 1_200_000;
          tx.putLease(leaseRow(lease, { ...size, client, issuedMs, expiresMs: nowMs + TERM_MS }));
          tx.putAllocation(
            allocationRow(lease, id, {
              ...size,
              reservedWorkers: 0,
              state: "claimed",
              claimedMs: issuedMs,
            }),
          );
        }
      }
    });
    const clock = { behindMs: options.startedMsAgo ?? 0 };
    const manager = await startResourceManager({
      clock: () => Date.now() - clock.behindMs,
      openStore: () => store,
      listen: ["http://127.0.0.1:0"],
      stateDir: `${dir}/state`,
    });
    return new SimulatedCluster(manager, store, nodes, dir, clock);
  }

  get url(): string {
    return this.manager.urls[0]!;
  }

  token(role: "operator" | "node" | "client"): string {
    return Deno.readTextFileSync(this.manager.tokenFiles[role]).trim();
  }

  /** Sets the resource manager's clock, which must not run backwards. */
  advanceTo(nowMs: number): void {
    this.#clock.behindMs = Math.max(0, Date.now() - nowMs);
  }

  /** Sends a heartbeat of one node. */
  async heartbeat(node: string, fields: Omit<Heartbeat, "epoch">): Promise<void> {
    const response = await fetch(`${this.url}/v1/nodes/${node}/heartbeat`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.token("node")}` },
      body: JSON.stringify({ epoch: 1, ...fields }),
    });
    if (!response.ok) throw new Error(`Cannot send heartbeat: ${await response.text()}`);
    await response.body?.cancel();
  }

  /** Sends a heartbeat of some nodes, each with the totals of its leases. Call it once a second. */
  async beat(nodes: readonly SimulatedNode[] = this.nodes): Promise<void> {
    const seconds = ++this.#beats;
    const nowMs = Date.now();
    const ns = (share: number) => `${Math.round(share * seconds * 1e9)}`;
    for (const { id, leases } of nodes) {
      const bills = [...leases].map(([lease, workers], at) => {
        const [compute, poll, calls] = SHARES[at % SHARES.length]!;
        const totals = {
          heldNs: ns(workers),
          computeNs: ns(compute * workers),
          pollNs: ns(poll * workers),
        };
        const about = { lease, epoch: 1, workers, memoryBytes: 1, sinceMs: nowMs - 900_000 };
        return { ...about, ...totals, calls: calls * seconds * workers };
      });
      await this.heartbeat(id, {
        leases: [...leases].map(([lease, workers]) => ({ lease, workers })),
        bills,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.close();
    await Deno.remove(this.#dir, { recursive: true });
  }
}
