import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KeyRing } from "../../manager/resource/key_ring.ts";
import { LeaseBook } from "../../manager/resource/lease_book.ts";
import { MemoryStore } from "../../manager/resource/memory_store.ts";
import { NodeBook } from "../../manager/resource/node_book.ts";
import { heartbeatMs, keyLearnMs } from "../../manager/resource/policy.ts";
import { Refusal } from "../../manager/resource/refusal.ts";
import { getLogger } from "../../manager/log.ts";
import { LeaseRefused, Unauthorized } from "../../runtime/errors.ts";
import { verifyGrant } from "../../runtime/grant/grant.ts";
import type { GrantKey } from "../../runtime/http/manager_api.ts";
import { ManagerRefused } from "../../runtime/http/manager_refused.ts";
import { printedSeed } from "../support/seed.ts";
import { FakeClock, TestManager } from "./resource_support.ts";

const caller = { hash: "", role: "client", name: "client" } as const;

/** A resource manager's books and one node that beats each second, at a time of its own within it. */
class Rotation {
  readonly #store = new MemoryStore();
  readonly #clock = new FakeClock();
  readonly #grants: { text: string; lease: string; expiresMs: number }[] = [];
  #keys!: KeyRing;
  #nodes!: NodeBook;
  #leases!: LeaseBook;
  #known: readonly GrantKey[] = [];
  #node = "";
  /** Keys that were there once and were dropped. */
  readonly dropped = new Set<string>();

  async restart(): Promise<void> {
    const [store, clock] = [this.#store, this.#clock.read];
    this.#keys = await KeyRing.open(store, clock);
    const context = { store, clock, keys: this.#keys, log: getLogger(["rfaas", "test"]) };
    this.#nodes = new NodeBook(context);
    this.#leases = new LeaseBook(context);
  }

  async register(): Promise<void> {
    const told = { cores: 64, memoryBytes: 64, addresses: ["shm:x"], bootId: "b" };
    const { node, keys } = await this.#nodes.register({ name: "n", ...told });
    this.#node = node;
    this.#known = keys;
  }

  rotate = () => this.#keys.rotate();

  async take(seconds: number): Promise<void> {
    const taken = await this.#leases.take(caller, { workers: 1, memoryBytes: 1, seconds });
    const told = { epoch: 1, state: "claimed", workers: 1 } as const;
    await this.#nodes.report(this.#node, taken.lease, told);
    this.#note(taken.lease, taken);
  }

  async renew(at: number, seconds: number): Promise<void> {
    const lease = this.#grants[at % this.#grants.length]?.lease;
    if (lease !== undefined) {
      this.#note(lease, await this.#leases.renew(caller, lease, { seconds }));
    }
  }

  async giveBack(at: number): Promise<void> {
    const lease = this.#grants[at % this.#grants.length]?.lease;
    if (lease !== undefined) await this.#leases.end(caller, lease);
  }

  /** Beats come when they are due, and the sweeper is late at times. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= heartbeatMs) {
      this.#clock.nowMs += Math.min(left, heartbeatMs);
      const { leases } = await this.#leases.list(caller);
      const told = leases.map(({ lease }) => ({ lease, workers: 1 }));
      this.#known = (await this.#nodes.beat(this.#node, { epoch: 1, leases: told })).keys;
      if (ms < 5000) continue;
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    const before = this.ids();
    await this.#keys.settle();
    for (const id of before) if (!this.ids().includes(id)) this.dropped.add(id);
  }

  ids(): string[] {
    return this.#keys.accepted.map(({ id }) => id);
  }

  /** What the node thinks of each grant, by the keys that it knows now. */
  async check(): Promise<void> {
    const { nowMs, leases } = await this.#leases.list(caller);
    const running = new Set(leases.map(({ lease }) => lease));
    for (const { text, lease, expiresMs } of this.#grants) {
      const accepted = this.#accepts(text);
      const valid = running.has(lease) && nowMs < expiresMs;
      assert(!valid || accepted !== undefined, "a valid grant was refused");
      if (accepted === undefined || this.#known.some(({ id }) => this.dropped.has(id))) continue;
      assert(!this.dropped.has(accepted.key), "a grant of a dropped key was accepted");
    }
  }

  #accepts(text: string) {
    try {
      return verifyGrant(text, this.#known);
    } catch (error) {
      assert(error instanceof LeaseRefused, String(error));
      return undefined;
    }
  }

  #note(lease: string, told: { expiresMs: number; grants: { grant: string }[] }): void {
    for (const { grant } of told.grants) {
      this.#grants.push({ text: grant, lease, expiresMs: told.expiresMs });
    }
  }
}

const terms = fc.constantFrom(1, 3, 8, 20, 60);
const acts: fc.Arbitrary<(world: Rotation) => Promise<unknown>>[] = [
  fc.constant((world) => world.rotate()),
  fc.constant((world) => world.restart()),
  fc.constant((world) => world.settle()),
  terms.map((seconds) => (world) => world.take(seconds)),
  fc.tuple(fc.nat(9), terms).map(([at, seconds]) => (world) => world.renew(at, seconds)),
  fc.nat(9).map((at) => (world) => world.giveBack(at)),
  fc.constantFrom(1, 300, 1000, 2000, 5000, 20_000).map((ms) => (world) => world.pass(ms)),
];

Deno.test("no valid grant is refused while keys change, and none of a dropped key is accepted", async () => {
  let dropped = 0;
  const sequence = fc.array(fc.oneof(...acts), { minLength: 8, maxLength: 40, size: "max" });
  const property = fc.asyncProperty(sequence, async (sequence) => {
    const world = new Rotation();
    await world.restart();
    await world.register();
    for (const act of sequence) {
      await act(world).catch((error) => {
        if (!(error instanceof Refusal)) throw error;
      });
      await world.check();
    }
    dropped += world.dropped.size;
    // All leases are over, so no old key is needed any more.
    await world.pass(70_000);
    await world.settle();
    assertEquals(world.ids().length, 1);
    await world.check();
  });
  await fc.assert(property, { numRuns: 100, seed: printedSeed("keys") });
  assert(dropped > 10, `only ${dropped} keys were dropped on the way: the sequences say nothing`);
});

Deno.test("a node that missed a new key refuses its grants, and accepts them after the next beat", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node, keys } = await test.register("a");
  const { keys: [coming, signing] } = await test.operator.rotateKeys();
  assertEquals([coming?.state, signing?.state], ["coming", "signing"]);
  assertEquals([signing?.id, signing?.dropMs], [keys[0]?.id, null]);
  assertEquals(coming?.signsFromMs, clock.nowMs + keyLearnMs);
  const take = async () => {
    await test.node.heartbeat(node, { epoch: 1, leases: [] });
    const asked = { workers: 1, memoryBytes: 1, seconds: 60 };
    return (await test.client.takeLease(asked)).grants[0]!.grant;
  };
  assertEquals((verifyGrant(await take(), keys)).key, signing?.id);
  clock.nowMs += keyLearnMs;
  const grant = await take();
  assertThrows(() => verifyGrant(grant, keys), LeaseRefused, `${coming?.id} is not known`);
  const answer = await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(answer.keys.map(({ id }) => id), [coming?.id, signing?.id]);
  assertEquals(verifyGrant(grant, answer.keys).key, coming?.id);
});

Deno.test("`rotateKeys()` is for operators, one at a time, and outlives a restart", async () => {
  const test = await TestManager.start();
  await assertRejects(() => test.client.rotateKeys(), Unauthorized);
  await assertRejects(() => test.node.keys(), Unauthorized);
  const { keys } = await test.operator.rotateKeys();
  const refused = await assertRejects(() => test.operator.rotateKeys(), ManagerRefused);
  assertEquals([refused.status, refused.code], [409, "rotating"]);
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  assertEquals((await again.operator.keys()).keys, keys);
  assertEquals(
    (await again.register("a")).keys,
    keys.map(({ id, publicKey }) => ({ id, publicKey })),
  );
});
