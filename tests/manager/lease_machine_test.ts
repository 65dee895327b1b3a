/** The lease machine under random sequences: both managers' real logic, a clock that is told, rows in memory. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { KeyRing } from "../../manager/resource/key_ring.ts";
import { BillBook } from "../../manager/resource/bills.ts";
import { LeaseBook } from "../../manager/resource/lease_book.ts";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import { NodeBook } from "../../manager/resource/node_book.ts";
import { keepSeenMs } from "../../manager/resource/policy.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import { getLogger } from "../../manager/log.ts";
import { ControlError } from "../../runtime/control/control_channel.ts";
import { claimWorkers } from "../../runtime/keeper/claim_workers.ts";
import type { LeaseRequest, NodeGrant } from "../../runtime/http/manager_api.ts";
import { printedSeed } from "../support/seed.ts";
import { VirtualTime } from "../support/virtual_time.ts";
import { type Fate, ModelNode, type Stay } from "./lease_machine_node.ts";

const coresOf = [2, 3, 5];
const maxSeconds = 6;
const caller = {
  hash: "",
  role: "client",
  name: "client",
  quota: { workers: 25, leases: 8 },
} as const;
const operator = { hash: "", role: "operator", name: "operator" } as const;

/** What was granted, newest first: most steps are to meet a lease that runs. */
interface Granted {
  readonly lease: string;
  readonly workers: number;
  readonly grants: readonly NodeGrant[];
}

class World implements Disposable {
  readonly broken: string[] = [];
  /** Executors that began to serve. */
  served = 0;
  /** Leases that were claimed whole, of several candidates. */
  whole = 0;
  readonly nodes: ModelNode[];
  /** What leases have had of nodes, by lease, node and epoch. */
  readonly stays = new Map<string, Stay>();
  readonly #store = new MemoryStore();
  readonly #time = new VirtualTime();
  readonly #granted: Granted[] = [];
  /** What the manager's clock shows beyond the time that has passed. */
  #aheadMs = 1_800_000_000_000;
  #issuedMs = 0;
  readonly #drained = new Set<string>();
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
        broken: (what) => this.broken.push(what),
      })
    );
  }

  static async open(): Promise<World> {
    const world = new World();
    await world.restartManager(0);
    for (const each of world.nodes) await each.register();
    return world;
  }

  async take(workers: number, seconds: number): Promise<void> {
    await this.#take({ workers, memoryBytes: workers * 10 * 2 ** 20 + 1, seconds });
  }

  /** Asks for what is to take the place of a part of another lease. */
  async replace(lease: number, workers: number, seconds: number): Promise<void> {
    const instead = this.#at(lease)?.lease;
    if (instead === undefined) return;
    await this.#take({ workers, memoryBytes: workers * 10 * 2 ** 20, seconds, instead });
  }

  async #take(asked: LeaseRequest): Promise<void> {
    const { workers } = asked;
    const { lease, grants } = await this.#manager.leases.take(caller, asked);
    if (grants.some(({ node }) => this.#drained.has(node))) {
      this.broken.push("a drained node was offered");
    }
    if (grants.reduce((sum, grant) => sum + grant.workers, 0) < workers) {
      this.broken.push("the grants do not cover the lease");
    }
    await this.#checkFamily(lease);
    this.#issuedMs = this.#nowMs();
    this.#granted.unshift({ lease, workers, grants });
  }

  /** Leases that follow one another have no more together than the first, but on nodes that are taken back. */
  async #checkFamily(id: string): Promise<void> {
    await this.#store.transact((tx) => {
      const { root, rootWorkers } = tx.lease(id)!;
      let sum = 0;
      for (const { id, workers } of tx.family(root)) {
        const going = tx.allocationsOf(id).filter(({ state, node }) =>
          state === "claimed" && this.#drained.has(node)
        );
        sum += going.reduce((left, { workers }) => left - workers, workers);
      }
      if (sum > rootWorkers) this.broken.push(`${sum} workers are held instead of ${rootWorkers}`);
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

  /** Claims as the library does, and gives the lease back if nodes have admitted too few. */
  async claimAll(lease: number, fate: Fate): Promise<void> {
    const granted = this.#at(lease);
    if (granted === undefined) return;
    const places = Array.from({ length: granted.workers }, (_, place) => place);
    const { missing } = await claimWorkers(granted.grants, places, async (grant, some) => {
      const node = this.nodes.find(({ standing }) => standing.id === grant.node)!;
      await node.admit(grant.grant, some.length, fate);
    });
    if (missing === 0) this.whole += granted.grants.length > 1 ? 1 : 0;
    else await this.giveBack(lease, true, true);
  }

  /** Gives back what a lease has of one node. */
  async giveBackOn(lease: number, at: number, toNode: boolean): Promise<void> {
    const id = this.#at(lease)?.lease;
    if (id === undefined) return;
    if (toNode) this.nodes[at]!.end(id);
    await this.#manager.leases.endOn(caller, id, this.nodes[at]!.standing.id);
  }

  async renew(lease: number, seconds: number, told: boolean): Promise<void> {
    const granted = this.#at(lease);
    if (granted === undefined) return;
    const { grants } = await this.#manager.leases.renew(caller, granted.lease, { seconds });
    // Kept: it may be shown later, to whom it is not for, or instead of the first.
    this.#granted.unshift({ ...granted, grants });
    if (!told) return;
    for (const { node, grant } of grants) {
      this.nodes.find(({ standing }) => standing.id === node)?.renew(grant);
    }
  }

  async giveBack(lease: number, toNode: boolean, toManager: boolean): Promise<void> {
    const id = this.#at(lease)?.lease;
    if (id === undefined) return;
    if (toNode) { for (const node of this.nodes) node.end(id); }
    if (toManager) await this.#manager.leases.end(caller, id);
  }

  async removeNode(at: number): Promise<void> {
    const { id } = this.nodes[at]!.standing;
    await this.#manager.nodes.remove(id);
    this.#drained.delete(id);
  }

  /** Another process on the same rows, whose host's clock may have been set: back by what the rows allow at most. */
  async restartManager(jumpMs: number): Promise<void> {
    this.#aheadMs += Math.max(jumpMs, this.#issuedMs - this.#nowMs());
    const clock = () => this.#nowMs();
    const keys = await KeyRing.open(this.#store, clock);
    const context = { store: this.#store, clock, keys, log: getLogger(["rfaas", "test"]) };
    await this.#manager?.bills.flush(); // what is not written yet is told again, by nodes that live
    this.#manager = {
      nodes: new NodeBook(context),
      leases: new LeaseBook(context),
      keys,
      bills: new BillBook(context, {}),
    };
    await this.#store.transact((tx) => {
      for (const { id } of tx.nodes()) tx.sawNode(id, this.#nowMs());
    });
  }

  /** Takes a node back, or lends it again; its leases go on for the notice, which is the client's to heed. */
  async drain(at: number, drained: boolean): Promise<void> {
    const { id } = this.nodes[at]!.standing;
    await this.#manager.nodes.drain(id, drained ? 1000 : null);
    if (drained) this.#drained.add(id);
    else this.#drained.delete(id);
  }

  /** Another start of a node is not drained. */
  async restart(at: number): Promise<void> {
    await this.nodes[at]!.restart();
    this.#drained.delete(this.nodes[at]!.standing.id);
  }

  async rotate(): Promise<void> {
    await this.#manager.keys.rotate();
  }

  async pass(ms: number): Promise<void> {
    await this.#time.pass(ms);
    await this.#manager.keys.settle();
  }

  /** What must hold after each step. */
  async check(): Promise<void> {
    await this.#time.settle();
    for (const node of this.nodes) node.check();
    const { nowMs, leases } = await this.#manager.leases.list(caller);
    if (leases.some((lease) => lease.expiresMs <= nowMs)) this.broken.push("a lease is not over");
    await this.#store.transact((tx) => {
      const has = tx.takenBy(caller.name);
      const { workers, leases } = caller.quota;
      if (has.workers > workers || has.leases > leases) this.broken.push("a quota was passed");
      for (const lease of tx.runningLeases()) {
        const claimed = tx.allocationsOf(lease.id).filter(({ state }) => state === "claimed");
        const sum = claimed.reduce((sum, { workers }) => sum + workers, 0);
        if (sum > lease.workers) this.broken.push(`${sum} of ${lease.workers} workers are claimed`);
      }
      for (const { node, taken } of tx.nodeLoads()) {
        for (const { state, claimByMs } of tx.liveAllocationsOn(node.id)) {
          const lapsed = state === "candidate" && claimByMs < nowMs;
          if (lapsed) this.broken.push("a candidate counts that can't be claimed");
        }
        if (taken.workers <= node.cores) continue;
        this.broken.push(`${taken.workers} of ${node.cores} cores of ${node.name} are given away`);
      }
    });
    assertEquals(this.broken, []);
  }

  /** After all leases have run out and each node has beaten, everything must be free. */
  async checkEnd(): Promise<void> {
    for (const node of this.nodes) await node.beat("once");
    await this.pass(maxSeconds * 1000 + 60_000);
    for (let beats = 0; beats < 3; beats++) {
      for (const node of this.nodes) await node.beat("once");
      await this.pass(4000);
    }
    await this.#manager.leases.sweep();
    await this.check();
    assertEquals(
      this.nodes.map((node) => node.isFree()),
      coresOf.map(() => true),
      "a node's cores",
    );
    const taken = await this.#store.transact((tx) =>
      tx.nodeLoads().map(({ taken }) => taken.workers)
    );
    assertEquals(taken, coresOf.map(() => 0), "cores that the resource manager counts as taken");
    assertEquals((await this.#manager.leases.list(caller)).leases, []);
    await this.#checkBills();
  }

  /** Each bill is the time from admission to end, and the workers and the memory that were admitted. */
  async #checkBills(): Promise<void> {
    const { bills } = await this.#manager.bills.list(operator, {});
    const billed = new Map(bills.map((bill) => [`${bill.lease} ${bill.node} ${bill.epoch}`, bill]));
    for (const [key, stay] of this.stays) {
      const bill = billed.get(key);
      billed.delete(key);
      const heldMs = stay.toMs === undefined ? Infinity : stay.toMs - stay.fromMs;
      const billedMs = Number(bill?.heldNs ?? 0) / 1e6;
      // What a node that died had not told is lost; that it is lost is all that may be.
      const wrong = stay.died ? billedMs > heldMs + 1e-3 : Math.abs(billedMs - heldMs) > 1e-3;
      if (wrong) this.broken.push(`${key} was held for ${heldMs} ms, billed for ${billedMs}`);
      if (bill === undefined) continue;
      const said = [bill.workers, bill.memoryBytes];
      if (said[0] !== stay.workers || said[1] !== stay.memoryBytes) {
        this.broken.push(
          `${key} is billed ${said}, admitted were ${stay.workers}, ${stay.memoryBytes}`,
        );
      }
    }
    for (const key of billed.keys()) this.broken.push(`${key} is billed and was never admitted`);
    assertEquals(this.broken, []);
  }

  [Symbol.dispose](): void {
    this.#time[Symbol.dispose]();
  }

  #at(lease: number): Granted | undefined {
    return this.#granted[lease % Math.max(1, this.#granted.length)];
  }

  #nowMs(): number {
    return Math.floor(this.#time.nowMs + this.#aheadMs);
  }
}

/** Makes one step; gives its words, for the report of a failure. */
type Step = (world: World) => Promise<void> | void;

const fate = fc.constantFrom<Fate>("once", "once", "once", "twice", "lost", "unanswered");
const node = fc.nat(coresOf.length - 1);
const lease = fc.oneof({ weight: 4, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(30) });
/** Mostly all that was granted, seldom more. */
const fewer = fc.constantFrom(0, 0, 0, 1, 2, -1);
/** Mostly the node that the grant is for. */
const wrong = fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 1);
const seconds = fc.integer({ min: 1, max: maxSeconds });

const steps: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  [5, fc.tuple(fc.integer({ min: 1, max: 5 }), seconds), "take"],
  [3, fc.tuple(fc.integer({ min: 6, max: 11 }), seconds), "take"], // more than any node has
  [2, fc.tuple(lease, fc.integer({ min: 1, max: 4 }), seconds), "replace"],
  [7, fc.tuple(lease, fate), "claimAll"],
  [2, fc.tuple(lease, node, fc.boolean()), "giveBackOn"],
  [9, fc.tuple(lease, fc.nat(2), fewer, wrong, fate), "admit"],
  [3, fc.tuple(lease, seconds, fc.boolean()), "renew"],
  [2, fc.tuple(lease, fc.boolean(), fc.boolean()), "giveBack"],
  [1, fc.tuple(node), "removeNode"],
  [1, fc.tuple(), "rotate"],
  [1, fc.tuple(node, fc.boolean()), "drain"],
  [1, fc.tuple(node), "restart"],
  [2, fc.tuple(fc.integer({ min: -keepSeenMs, max: 10_000 })), "restartManager"],
  [5, fc.tuple(fc.constantFrom(1, 50, 50, 400, 400, 1000, 1000, 2001, 4000, 9000)), "pass"],
].map(([weight, args, name]) => ({
  weight: weight as number,
  arbitrary: (args as fc.Arbitrary<unknown[]>).map((given) =>
    named(`${name}(${given})`, (world) =>
      // deno-lint-ignore no-explicit-any -- the arguments are made for the method, a line above
      (world as any)[name as string](...given))
  ),
}));
for (
  const [weight, act, name] of [
    [6, (at: ModelNode, how: Fate) => at.beat(how), "beat"],
    [2, (at: ModelNode) => at.crash(), "crash"],
  ] as const
) {
  const arbitrary = fc.tuple(node, fate).map(([at, how]) =>
    named(`${name}(${at}, ${how})`, (world) => act(world.nodes[at]!, how))
  );
  steps.push({ weight, arbitrary });
}

function named(words: string, step: Step): Step {
  return Object.assign(step, { [fc.toStringMethod]: () => words });
}

Deno.test("no sequence of events overbooks a node, lets a void grant in, or loses a core", async () => {
  const sequence = fc.array(fc.oneof(...steps), { minLength: 10, maxLength: 80, size: "max" });
  let served = 0;
  let whole = 0;
  const property = fc.asyncProperty(sequence, async (sequence) => {
    using world = await World.open();
    for (const step of sequence) {
      try {
        await step(world);
      } catch (error) {
        if (!(error instanceof Refusal || error instanceof ControlError)) throw error;
      }
      await world.check();
    }
    await world.checkEnd();
    served += world.served;
    whole += world.whole;
  });
  await fc.assert(property, { numRuns: 500, seed: printedSeed("lease machine") });
  assert(served > 500, `only ${served} executors began to serve: the sequences say nothing`);
  assert(whole > 50, `only ${whole} leases were claimed whole, of several candidates`);
});

Deno.test("a grant is not admitted again when the resource manager's clock was set back", async () => {
  using world = await World.open();
  await world.take(1, 1);
  await world.admit(0, 0, 0, 0, "once");
  await world.pass(500);
  await world.take(1, maxSeconds);
  await world.pass(600);
  await world.admit(0, 0, 0, 0, "once"); // at the same node, which is still the emptiest
  await world.restartManager(-600);
  for (const each of world.nodes) await each.beat("once");
  await assertRejects(() => world.admit(1, 0, 0, 0, "once"), ControlError, "was claimed before");
  await world.check();
});
