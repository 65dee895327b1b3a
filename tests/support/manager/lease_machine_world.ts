/** Both managers of the lease machine's test over rows in memory, and the events that may happen to them. */
import { assertEquals } from "@std/assert";
import { BillBook } from "../../../manager/resource/books/bill_book.ts";
import { KeyRing } from "../../../manager/resource/books/key_ring.ts";
import { LeaseBook } from "../../../manager/resource/books/lease_book.ts";
import { NodeBook } from "../../../manager/resource/books/node_book.ts";
import { MemoryStore } from "../../../manager/resource/store/memory_store.ts";
import type { LeaseRequest, NodeGrant } from "../../../runtime/http/manager_api.ts";
import { CLAIM_WITHIN_MS } from "../../../runtime/grant/claim_time.ts";
import { RESERVED_EPOCH } from "../../../runtime/http/bill_api.ts";
import { claimWorkers } from "../../../runtime/keeper/claim_workers.ts";
import { firstIndexes } from "../../../runtime/protocol/serve_terms.ts";
import { bookContext } from "./book_context.ts";
import { type Fate, ModelNode, type Stay } from "./lease_machine_node.ts";
import { assertOutsideChange, TwiceStore } from "./twice_store.ts";
import { VirtualTime } from "./virtual_time.ts";

/** The cores of each node. */
export const coresOf = [2, 3, 5];
export const MAX_TERM_MS = 6000;
const caller = {
  hash: "client",
  role: "client",
  name: "client",
  quota: { workers: 25, leases: 8 },
} as const;
const operator = { hash: "", role: "operator", name: "operator" } as const;

/** The grants of one lease. */
interface Granted {
  readonly lease: string;
  readonly workers: number;
  readonly grants: readonly NodeGrant[];
}

export class World implements Disposable {
  /** Broken invariants. */
  readonly violations: string[] = [];
  /** The number of executors that began to serve. */
  served = 0;
  /** The number of leases with several candidates that were claimed completely. */
  whole = 0;
  readonly nodes: ModelNode[];
  /** The admissions by lease, node and epoch. */
  readonly stays = new Map<string, Stay>();
  readonly #store = new TwiceStore(new MemoryStore());
  readonly #time = new VirtualTime();
  /** Newest first, so that most steps use a running lease. */
  readonly #granted: Granted[] = [];
  /** How far the resource manager's clock is ahead of the test's time. */
  #aheadMs = 1_800_000_000_000;
  #issuedMs = 0;
  readonly #drained = new Set<string>();
  /** The cores that nodes lend, by id, where they lend fewer than they have. */
  readonly #lent = new Map<string, number>();
  #manager!: { nodes: NodeBook; leases: LeaseBook; keys: KeyRing; bills: BillBook };

  private constructor() {
    this.nodes = coresOf.map((cores, at) =>
      new ModelNode({
        name: `n${at}`,
        cores,
        time: this.#time,
        manager: () => this.#manager,
        serves: () => this.served++,
        stays: this.stays,
        report: (violation) => this.violations.push(violation),
      })
    );
  }

  static async open(): Promise<World> {
    const world = new World();
    await world.#store.transact((tx) => tx.replaceToken(caller, 0));
    await world.restartManager(0);
    for (const each of world.nodes) await each.register();
    return world;
  }

  async take(workers: number, termMs: number): Promise<void> {
    await this.#take({ workers, memoryBytes: workers * 10 * 2 ** 20 + 1, termMs });
  }

  /** Requests a lease that replaces a part of another. */
  async replace(lease: number, workers: number, termMs: number): Promise<void> {
    const replaces = this.#at(lease)?.lease;
    if (replaces === undefined) return;
    await this.#take({ workers, memoryBytes: workers * 10 * 2 ** 20, termMs, replaces });
  }

  async #take(request: LeaseRequest): Promise<void> {
    const { workers } = request;
    const { lease, grants } = await this.#manager.leases.take(caller, request);
    if (grants.some(({ node }) => this.#drained.has(node))) {
      this.violations.push("a drained node was offered");
    }
    if (grants.reduce((sum, grant) => sum + grant.workers, 0) < workers) {
      this.violations.push("the grants do not cover the lease");
    }
    await this.#checkReserved(lease, workers);
    await this.#checkRoot(lease);
    this.#issuedMs = this.#nowMs();
    this.#granted.unshift({ lease, workers, grants });
  }

  /** All of the workers of a new lease are reserved, or none, and only where cores were free. */
  async #checkReserved(id: string, workers: number): Promise<void> {
    await this.#store.transact((tx) => {
      let sum = 0;
      for (const { node: at, reservedWorkers } of tx.allocationsOf(id)) {
        sum += reservedWorkers;
        const { name, cores } = tx.node(at)!;
        const allocated = tx.allocatedOn(at).workers;
        if (reservedWorkers === 0 || allocated <= cores) continue;
        this.violations.push(`${allocated} of ${cores} cores of ${name} are allocated`);
      }
      if (sum > 0 && sum !== workers) this.violations.push(`${sum} of ${workers} are reserved`);
    });
  }

  /** Leases with one root have no more workers together than the root, apart from those that have to leave their nodes. */
  async #checkRoot(id: string): Promise<void> {
    await this.#store.transact((tx) => {
      const claimedOn = (node: string) =>
        tx.liveAllocationsOn(node).filter(({ state }) => state === "claimed")
          .reduce((sum, { workers }) => sum + workers, 0);
      const haveToLeave = (node: string) =>
        this.#drained.has(node) || claimedOn(node) > (this.#lent.get(node) ?? Infinity);
      const { root, rootWorkers } = tx.lease(id)!;
      let sum = 0;
      for (const { id, workers } of tx.leasesWithRoot(root)) {
        const leaving = tx.allocationsOf(id).filter(({ state, node }) =>
          state === "claimed" && haveToLeave(node)
        );
        sum += leaving.reduce((rest, { workers }) => rest - workers, workers);
      }
      if (sum > rootWorkers) {
        this.violations.push(`${sum} workers are held instead of ${rootWorkers}`);
      }
    });
  }

  async admit(lease: number, candidate: number, fewer: number, wrong: number, fate: Fate) {
    const granted = this.#at(lease);
    const grant = granted?.grants[candidate % granted.grants.length];
    if (granted === undefined || grant === undefined) return;
    const named = this.nodes.findIndex(({ standing }) => standing.id === grant.node);
    const at = (named + wrong) % this.nodes.length;
    await this.nodes[at]?.admit(grant.grant, Math.max(1, grant.workers - fewer), fate);
  }

  /** Claims as the library does, and releases the lease if the nodes admit too few workers. */
  async claimAll(lease: number, fate: Fate): Promise<void> {
    const granted = this.#at(lease);
    if (granted === undefined) return;
    const indexes = firstIndexes(granted.workers);
    const { missing } = await claimWorkers(granted.grants, indexes, async (grant, some) => {
      const node = this.nodes.find(({ standing }) => standing.id === grant.node)!;
      await node.admit(grant.grant, some.length, fate);
    });
    if (missing === 0) this.whole += granted.grants.length > 1 ? 1 : 0;
    else await this.release(lease, true, true);
  }

  /** Releases the part of a lease on one node. */
  async releasePart(lease: number, at: number, toNode: boolean): Promise<void> {
    const id = this.#at(lease)?.lease;
    if (id === undefined) return;
    if (toNode) this.nodes[at]!.end(id);
    await this.#manager.leases.releasePart(caller, id, this.nodes[at]!.standing.id);
  }

  async renew(lease: number, termMs: number, toNodes: boolean): Promise<void> {
    const granted = this.#at(lease);
    if (granted === undefined) return;
    const { grants } = await this.#manager.leases.renew(caller, granted.lease, { termMs });
    // Kept for later claims: at the wrong node, or in place of the first grant.
    this.#granted.unshift({ ...granted, grants });
    if (!toNodes) return;
    for (const { node, grant } of grants) {
      this.nodes.find(({ standing }) => standing.id === node)?.renew(grant);
    }
  }

  async release(lease: number, toNode: boolean, toManager: boolean): Promise<void> {
    const id = this.#at(lease)?.lease;
    if (id === undefined) return;
    if (toNode) this.nodes.forEach((node) => node.end(id));
    if (toManager) await this.#manager.leases.release(caller, id);
  }

  async removeNode(at: number): Promise<void> {
    const { id } = this.nodes[at]!.standing;
    await this.#manager.nodes.remove(caller, id);
    this.#drained.delete(id);
    this.#lent.delete(id);
  }

  /** Starts another manager on the same rows. Its clock may differ; it may be behind by as much as the rows permit. */
  async restartManager(jumpMs: number): Promise<void> {
    this.#aheadMs += Math.max(jumpMs, this.#issuedMs - this.#nowMs());
    const clock = () => this.#nowMs();
    const keys = await KeyRing.open(this.#store, clock);
    const context = bookContext({ store: this.#store, clock, keys });
    await this.#manager?.bills.flush(); // live nodes repeat totals that are not written yet
    this.#manager = {
      nodes: new NodeBook(context),
      leases: new LeaseBook(context),
      keys,
      bills: new BillBook(context, {}),
    };
    const startMs = this.#nowMs();
    await this.#store.transact((tx) => {
      for (const { id } of tx.nodes()) tx.markSeen(id, startMs);
    });
  }

  /** Drains a node, or lends it again. Its leases go on; the client is responsible for the grace period. */
  async drain(at: number, drained: boolean): Promise<void> {
    const { id } = this.nodes[at]!.standing;
    if (drained) await this.#manager.nodes.lent.drain(caller, id, { graceMs: 1000 });
    else await this.#manager.nodes.lent.lend(caller, id, {});
    this.#lent.delete(id);
    if (drained) this.#drained.add(id);
    else this.#drained.delete(id);
  }

  /** A node lends this many cores fewer than it has, and one at least. Its leases go on. */
  async lendFewer(at: number, spare: number): Promise<void> {
    const { id } = this.nodes[at]!.standing;
    const cores = Math.max(1, coresOf[at]! - spare);
    await this.#manager.nodes.lent.lend(caller, id, { cores });
    this.#drained.delete(id);
    this.#lent.set(id, cores);
  }

  /** Restarts a node, which then lends all its cores again. */
  async restart(at: number): Promise<void> {
    await this.nodes[at]!.restart();
    this.#drained.delete(this.nodes[at]!.standing.id);
    this.#lent.delete(this.nodes[at]!.standing.id);
  }

  async rotate(): Promise<void> {
    await this.#manager.keys.rotate(caller);
  }

  async pass(ms: number): Promise<void> {
    await this.#time.pass(ms);
    await this.#manager.keys.dropOldKeys();
  }

  /** Checks the invariants, which hold after each step. */
  async check(): Promise<void> {
    await this.#time.settle();
    for (const node of this.nodes) node.check();
    const { nowMs, leases } = await this.#manager.leases.list(caller);
    if (leases.some((lease) => lease.expiresMs <= nowMs)) {
      this.violations.push("an expired lease is running");
    }
    await this.#store.transact((tx) => {
      const has = tx.allocatedTo(caller.name);
      const { workers, leases } = caller.quota;
      if (has.workers > workers || has.leases > leases) {
        this.violations.push("a quota was exceeded");
      }
      for (const lease of tx.runningLeases()) {
        const claimed = tx.allocationsOf(lease.id).filter(({ state }) => state === "claimed");
        const sum = claimed.reduce((sum, { workers }) => sum + workers, 0);
        if (sum > lease.workers) {
          this.violations.push(`${sum} of ${lease.workers} workers are claimed`);
        }
      }
      for (const { node } of tx.nodeLoads()) {
        for (const { state, claimByMs } of tx.liveAllocationsOn(node.id)) {
          const lapsed = state === "candidate" && claimByMs < nowMs;
          if (lapsed) this.violations.push("a lapsed candidate counts as allocated");
        }
      }
    });
    assertEquals(this.violations, []);
  }

  /** After all leases have expired and each node has sent a heartbeat, everything must be free. */
  async checkEnd(): Promise<void> {
    for (const node of this.nodes) await node.heartbeat("once");
    await this.pass(MAX_TERM_MS + 60_000);
    for (let rounds = 0; rounds < 3; rounds++) {
      for (const node of this.nodes) await node.heartbeat("once");
      await this.pass(4000);
    }
    await this.#manager.leases.sweep();
    await this.check();
    assertEquals(
      this.nodes.map((node) => node.isFree()),
      coresOf.map(() => true),
      "nodes with free cores",
    );
    const allocated = await this.#store.transact((tx) =>
      tx.nodeLoads().map(({ allocated: { workers } }) => workers)
    );
    assertEquals(
      allocated,
      coresOf.map(() => 0),
      "cores that the resource manager counts as allocated",
    );
    assertEquals((await this.#manager.leases.list(caller)).leases, []);
    await this.#checkBills();
  }

  /** Each bill has the time from admission to end, and the admitted workers and memory. */
  async #checkBills(): Promise<void> {
    const { bills } = await this.#manager.bills.list(operator, {});
    const billed = new Map(bills.map((bill) => [`${bill.lease} ${bill.node} ${bill.epoch}`, bill]));
    for (const [key, stay] of this.stays) {
      const bill = billed.get(key);
      billed.delete(key);
      const heldMs = stay.toMs === undefined ? Infinity : stay.toMs - stay.fromMs;
      const billedMs = Number(bill?.heldNs ?? 0) / 1e6;
      // Unreported totals of a node that died are lost, so its bill may only be too low.
      const wrong = stay.died ? billedMs > heldMs + 1e-3 : Math.abs(billedMs - heldMs) > 1e-3;
      if (wrong) this.violations.push(`${key} was held for ${heldMs} ms, billed for ${billedMs}`);
      if (bill === undefined) continue;
      const billedAs = [bill.workers, bill.memoryBytes];
      if (billedAs[0] !== stay.workers || billedAs[1] !== stay.memoryBytes) {
        this.violations.push(
          `${key} is billed ${billedAs}, admitted ${stay.workers},${stay.memoryBytes}`,
        );
      }
    }
    for (const [key, { epoch, heldNs }] of billed) {
      if (epoch === RESERVED_EPOCH && Number(heldNs) / 1e6 <= CLAIM_WITHIN_MS) continue;
      this.violations.push(`${key} is billed and was never admitted`);
    }
    assertEquals(this.violations, []);
  }

  [Symbol.dispose](): void {
    this.#time[Symbol.dispose]();
  }

  #at(lease: number): Granted | undefined {
    return this.#granted[lease % Math.max(1, this.#granted.length)];
  }

  #nowMs(): number {
    assertOutsideChange("the clock");
    return Math.floor(this.#time.nowMs + this.#aheadMs);
  }
}
