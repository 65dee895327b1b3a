/** Clients that take, renew and release leases, and nodes that claim them, while resource managers or etcd fail. */
import { assert, assertEquals } from "@std/assert";
import {
  LeaseOverError,
  LeaseRefusedError,
  ManagerUnreachableError,
} from "../../../runtime/errors.ts";
import type { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { until } from "../waiting.ts";
import { FakeNode, pause, repeated } from "./fake_node.ts";
import { contradictionsOf, LeaseHistory } from "./lease_history.ts";
import type { ManagerGroup } from "./manager_group.ts";

const small = { workers: 1, memoryBytes: 2 ** 20, termMs: 3_600_000 };
/** The most leases that are kept until the end. */
const MAX_KEPT = 5;

/** The size of a load. */
export interface LoadOptions {
  readonly nodes: number;
  /** Of each node. */
  readonly cores: number;
  readonly clients: number;
  /** Returns numbers from 0 to 1. */
  readonly random: () => number;
}

/** A load, with what must hold after it. */
export class LeaseLoad implements Disposable {
  readonly counts = {
    granted: 0,
    released: 0,
    full: 0,
    unreachable: 0,
    lapsed: 0,
    beats: 0,
  };
  readonly #group: ManagerGroup;
  readonly #options: LoadOptions;
  readonly #nodeClient: ManagerClient;
  readonly #nodes = new Map<string, FakeNode>();
  /** The leases that are claimed and not released. */
  readonly #held = new Set<string>();
  readonly #history = new LeaseHistory();
  #isOver = false;

  private constructor(group: ManagerGroup, options: LoadOptions) {
    this.#group = group;
    this.#options = options;
    this.#nodeClient = group.as("node");
  }

  /** Registers the nodes. */
  static async open(group: ManagerGroup, options: LoadOptions): Promise<LeaseLoad> {
    const load = new LeaseLoad(group, options);
    for (let n = 0; n < options.nodes; n++) {
      const node = await FakeNode.register(load.#nodeClient, `node-${n}`, options.cores);
      load.#nodes.set(node.id, node);
    }
    return load;
  }

  /** Sends requests until `disturb` has ended. */
  async during(disturb: () => Promise<void>): Promise<void> {
    this.#isOver = false;
    const sending = [
      ...[...this.#nodes.values()].map((node) => this.#beat(node)),
      ...Array.from({ length: this.#options.clients }, () => this.#use()),
    ];
    const disturbed = disturb().finally(() => this.#isOver = true);
    await Promise.all([...sending, disturbed]);
  }

  /** Checks that an order of all requests explains what the clients have observed. */
  checkHistory(): void {
    assertEquals(contradictionsOf(this.#history.events), []);
  }

  /** Checks that the leases which run are those that clients have and have not released. */
  async checkHeld(): Promise<void> {
    using operator = this.#group.as("operator");
    const { leases } = await repeated(() => operator.leases());
    const claimed = leases.filter(({ nodes }) => nodes.some(({ state }) => state === "claimed"));
    assertEquals(claimed.map(({ lease }) => lease).sort(), [...this.#held].sort());
  }

  /** Checks that each core without a lease can be lent once, and no other. */
  async checkFree(): Promise<void> {
    const { nodes, cores } = this.#options;
    const free = nodes * cores - this.#held.size;
    using operator = this.#group.as("operator");
    const isFreed = async () => {
      for (const node of this.#nodes.values()) await repeated(() => node.heartbeat());
      const list = await repeated(() => operator.nodes());
      return list.nodes.reduce((sum, { freeCores }) => sum + freeCores, 0) === free;
    };
    // Leases whose clients received no response lapse first.
    await until(isFreed, () => `${free} cores are free`, 10_000);
    using client = this.#group.as("client");
    for (let n = 0; n < free; n++) {
      const { lease, grants } = await repeated(() => client.takeLease(named()));
      assertEquals(await this.#nodes.get(grants[0]!.node)!.claim(lease), "claimed");
      this.#held.add(lease);
    }
    const refused = await client.takeLease(named()).catch((error) => error);
    assert(refused instanceof LeaseRefusedError && refused.reason === "full", `${refused}`);
  }

  [Symbol.dispose](): void {
    this.#nodeClient.close();
  }

  async #beat(node: FakeNode): Promise<void> {
    while (!this.#isOver) {
      try {
        const ended = (await node.heartbeat()).filter((lease) => this.#held.has(lease));
        assertEquals(ended, [], "a node must end a lease that its client holds");
        this.counts.beats++;
      } catch (error) {
        if (!(error instanceof ManagerUnreachableError)) throw error;
      }
      await pause(200);
    }
  }

  async #use(): Promise<void> {
    using client = this.#group.as("client");
    const clock = { latestMs: 0 };
    while (!this.#isOver) {
      try {
        await this.#useOne(client, clock);
      } catch (error) {
        if (error instanceof ManagerUnreachableError) {
          this.counts.unreachable++;
          continue;
        }
        if (!(error instanceof LeaseRefusedError)) throw error;
        if (error.reason === "over") {
          this.counts.lapsed++;
          continue;
        }
        if (error.reason !== "full" && error.reason !== "no-nodes") throw error;
        this.counts.full++;
        await pause(50);
      }
    }
  }

  /** Takes a lease, renews it, and most times releases it. */
  async #useOne(client: ManagerClient, clock: { latestMs: number }): Promise<void> {
    const { random } = this.#options;
    const follows = ({ nowMs }: { nowMs: number }) => {
      assert(nowMs >= clock.latestMs, `${nowMs} is before ${clock.latestMs}`);
      clock.latestMs = nowMs;
    };
    const request = named();
    const take = () =>
      this.#history.observe(
        () => client.takeLease(request),
        ({ lease }) => ({ lease, kind: "granted", request: request.request }),
      );
    const granted = await take();
    follows(granted);
    this.counts.granted++;
    const { lease, grants } = granted;
    const node = this.#nodes.get(grants[0]!.node)!;
    const release = () =>
      this.#history.observe(
        () => client.releaseLease(lease),
        () => ({ lease, kind: "released" }),
      );
    const claim = await node.claim(lease);
    if (claim === "over") return;
    if (claim === "full") {
      this.counts.full++;
      await repeated(release);
      return;
    }
    this.#held.add(lease);
    await pause(random() * 400);
    // As after a lost response. It has the same lease.
    if (random() < 0.2) await repeated(take);
    const renew = () =>
      this.#history.observe(
        () => client.renewLease(lease, small),
        () => ({ lease, kind: "renewed" }),
      );
    follows(await repeated(renew));
    if (random() < 0.15 && this.#held.size < MAX_KEPT) return; // kept until the end
    this.#held.delete(lease);
    // The cores are free once the release has arrived, whether or not its response does.
    node.serves.delete(lease);
    await repeated(release);
    this.counts.released++;
    const again = await repeated(renew).catch((error) => error);
    assert(again instanceof LeaseOverError, `a released lease is renewed: ${again}`);
  }
}

function named() {
  return { ...small, request: crypto.randomUUID().replaceAll("-", "") };
}
