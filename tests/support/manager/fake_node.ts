/** A node that registers, claims and sends heartbeats, and runs no executors. */
import { NodeClock } from "../../../manager/executor/registration/node_clock.ts";
import { LeaseOverError, ManagerUnreachableError } from "../../../runtime/errors.ts";
import type { ManagerClient } from "../../../runtime/http/manager_client.ts";

/** What became of a claim: the resource manager may have ended the lease, or all cores of the node may be in use. */
export type Claim = "claimed" | "over" | "full";

/** A node of one-core leases. */
export class FakeNode {
  readonly id: string;
  /** The leases that it serves. */
  readonly serves = new Set<string>();
  /** The leases whose claims are on their way. */
  readonly #claiming = new Set<string>();
  readonly #client: ManagerClient;
  readonly #epoch: number;
  readonly #cores: number;
  readonly #clock = new NodeClock();

  private constructor(client: ManagerClient, id: string, epoch: number, cores: number) {
    this.#client = client;
    this.id = id;
    this.#epoch = epoch;
    this.#cores = cores;
  }

  /** @param client in the role of a node. The caller closes it. */
  static async register(client: ManagerClient, name: string, cores: number): Promise<FakeNode> {
    const lending = { name, cores, memoryBytes: 2 ** 30, addresses: [`shm:${name}`] };
    const { node, epoch } = await client.registerNode({ ...lending, bootId: "boot" });
    return new FakeNode(client, node, epoch, cores);
  }

  /** Admits a lease if a core is free, as nodes do: no more than one offer of a lease reserves cores. */
  async claim(lease: string): Promise<Claim> {
    if (this.serves.size + this.#claiming.size >= this.#cores) return "full";
    this.#claiming.add(lease);
    try {
      const report = { epoch: this.#epoch, state: "claimed", workers: 1 } as const;
      await repeated(() => this.#client.reportLease(this.id, lease, report));
      this.serves.add(lease);
      return "claimed";
    } catch (error) {
      if (error instanceof LeaseOverError) return "over";
      throw error;
    } finally {
      this.#claiming.delete(lease);
    }
  }

  /** @returns the leases that it must end. */
  async heartbeat(): Promise<readonly string[]> {
    const leases = [...this.serves, ...this.#claiming].map((lease) => ({ lease, workers: 1 }));
    const sentMs = performance.now();
    const writtenMs = Math.floor(this.#clock.nowMs());
    const response = await this.#client.heartbeat(this.id, {
      epoch: this.#epoch,
      ...(writtenMs > 0 ? { writtenMs } : {}),
      leases,
    });
    this.#clock.learn(response.nowMs, sentMs, performance.now());
    return response.end;
  }
}

/** Sends a request until a resource manager has answered it. */
export async function repeated<T>(send: () => Promise<T>): Promise<T> {
  for (let tries = 0;; tries++) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof ManagerUnreachableError) || tries > 20) throw error;
      await pause(20);
    }
  }
}

/** Waits for some time, in a load whose requests are spread. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
