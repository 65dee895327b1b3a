import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KeyRing } from "../../../../manager/resource/books/key_ring.ts";
import { LeaseBook } from "../../../../manager/resource/books/lease_book.ts";
import { MemoryStore } from "../../../../manager/resource/store/memory_store.ts";
import { NodeBook } from "../../../../manager/resource/books/node_book.ts";
import { HEARTBEAT_MS, KEY_LEARN_MS } from "../../../../manager/resource/policy.ts";
import { RefusalError } from "../../../../manager/resource/refusal.ts";
import { LeaseRefusedError, UnauthorizedError } from "../../../../runtime/errors.ts";
import { verifyGrant } from "../../../../runtime/grant/grant.ts";
import type { GrantKey } from "../../../../runtime/http/manager_api.ts";
import { ManagerRefusedError } from "../../../../runtime/http/manager_refused.ts";
import { bookContext } from "../../../support/manager/book_context.ts";
import { printedSeed } from "../../../support/seed.ts";
import { FakeClock, TestManager } from "../../../support/manager/test_manager.ts";
import { TwiceStore } from "../../../support/manager/twice_store.ts";

const caller = { hash: "", role: "client", name: "client" } as const;

/** The books of a resource manager, and one node that sends a heartbeat each second. */
class Rotation {
  readonly #store = new TwiceStore(new MemoryStore());
  readonly #clock = new FakeClock();
  readonly #grants: { text: string; lease: string; expiresMs: number }[] = [];
  #keys!: KeyRing;
  #nodes!: NodeBook;
  #leases!: LeaseBook;
  #known: readonly GrantKey[] = [];
  #node = "";
  /** The keys that were dropped. */
  readonly dropped = new Set<string>();

  async restart(): Promise<void> {
    const [store, clock] = [this.#store, this.#clock.read];
    this.#keys = await KeyRing.open(store, clock);
    const context = bookContext({ store, clock, keys: this.#keys });
    this.#nodes = new NodeBook(context);
    this.#leases = new LeaseBook(context);
  }

  async register(): Promise<void> {
    const capacity = { cores: 64, memoryBytes: 64, addresses: ["shm:x"], bootId: "b" };
    const { node, keys } = await this.#nodes.register({ name: "n", ...capacity });
    this.#node = node;
    this.#known = keys;
  }

  rotate = () => this.#keys.rotate({ role: "operator", name: "ada" });

  async take(termMs: number): Promise<void> {
    const granted = await this.#leases.take(caller, { workers: 1, memoryBytes: 1, termMs });
    const report = { epoch: 1, state: "claimed", workers: 1 } as const;
    await this.#nodes.report(this.#node, granted.lease, report);
    this.#note(granted.lease, granted);
  }

  async renew(at: number, termMs: number): Promise<void> {
    const lease = this.#grants[at % this.#grants.length]?.lease;
    if (lease !== undefined) {
      this.#note(lease, await this.#leases.renew(caller, lease, { termMs }));
    }
  }

  async release(at: number): Promise<void> {
    const lease = this.#grants[at % this.#grants.length]?.lease;
    if (lease !== undefined) await this.#leases.release(caller, lease);
  }

  /** Heartbeats arrive in time. The sweep is sometimes late. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= HEARTBEAT_MS) {
      this.#clock.nowMs += Math.min(left, HEARTBEAT_MS);
      const { leases } = await this.#leases.list(caller);
      const listed = leases.map(({ lease }) => ({ lease, workers: 1 }));
      this.#known = (await this.#nodes.heartbeat(this.#node, { epoch: 1, leases: listed })).keys;
      if (ms < 5000) continue;
      await this.settle();
    }
  }

  async settle(): Promise<void> {
    const before = this.ids();
    await this.#keys.dropOldKeys();
    for (const id of before) if (!this.ids().includes(id)) this.dropped.add(id);
  }

  ids(): string[] {
    return this.#keys.accepted.map(({ id }) => id);
  }

  /** Checks each grant with the keys that the node has. */
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
      assert(error instanceof LeaseRefusedError, String(error));
      return undefined;
    }
  }

  #note(
    lease: string,
    granted: { expiresMs: number; grants: readonly { readonly grant: string }[] },
  ): void {
    for (const { grant } of granted.grants) {
      this.#grants.push({ text: grant, lease, expiresMs: granted.expiresMs });
    }
  }
}

const terms = fc.constantFrom(1000, 3000, 8000, 20_000, 60_000);
const acts: fc.Arbitrary<(world: Rotation) => Promise<unknown>>[] = [
  fc.constant((world) => world.rotate()),
  fc.constant((world) => world.restart()),
  fc.constant((world) => world.settle()),
  terms.map((termMs) => (world) => world.take(termMs)),
  fc.tuple(fc.nat(9), terms).map(([at, termMs]) => (world) => world.renew(at, termMs)),
  fc.nat(9).map((at) => (world) => world.release(at)),
  fc.constantFrom(1, 300, 1000, 2000, 5000, 20_000).map((ms) => (world) => world.pass(ms)),
];

Deno.test("while keys change, no valid grant is refused, and no grant of a dropped key is accepted", async () => {
  let dropped = 0;
  const sequence = fc.array(fc.oneof(...acts), { minLength: 8, maxLength: 40, size: "max" });
  const property = fc.asyncProperty(sequence, async (sequence) => {
    const world = new Rotation();
    await world.restart();
    await world.register();
    for (const act of sequence) {
      await act(world).catch((error) => {
        if (!(error instanceof RefusalError)) throw error;
      });
      await world.check();
    }
    dropped += world.dropped.size;
    // All leases have ended, so no old key is needed.
    await world.pass(70_000);
    await world.settle();
    assertEquals(world.ids().length, 1);
    await world.check();
  });
  await fc.assert(property, { numRuns: 100, seed: printedSeed("keys") });
  assert(dropped > 10, `only ${dropped} keys were dropped: the sequences test nothing`);
});

Deno.test("a node that missed a new key refuses its grants until the next heartbeat", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const { node, keys } = await test.register("a");
  const { keys: [coming, signing] } = await test.operator.rotateKeys();
  assertEquals([coming?.state, signing?.state], ["coming", "signing"]);
  assertEquals([signing?.id, signing?.dropMs], [keys[0]?.id, null]);
  assertEquals(coming?.signsFromMs, clock.nowMs + KEY_LEARN_MS);
  const take = async () => {
    await test.node.heartbeat(node, { epoch: 1, leases: [] });
    const request = { workers: 1, memoryBytes: 1, termMs: 60_000 };
    return (await test.client.takeLease(request)).grants[0]!.grant;
  };
  assertEquals((verifyGrant(await take(), keys)).key, signing?.id);
  clock.nowMs += KEY_LEARN_MS;
  const grant = await take();
  assertThrows(() => verifyGrant(grant, keys), LeaseRefusedError, `${coming?.id} is unknown`);
  const answer = await test.node.heartbeat(node, { epoch: 1, leases: [] });
  assertEquals(answer.keys.map(({ id }) => id), [coming?.id, signing?.id]);
  assertEquals(verifyGrant(grant, answer.keys).key, coming?.id);
});

Deno.test("`rotateKeys()` accepts operators only, one rotation at a time, and its keys survive a restart", async () => {
  const test = await TestManager.start();
  await assertRejects(() => test.client.rotateKeys(), UnauthorizedError);
  await assertRejects(() => test.node.keys(), UnauthorizedError);
  const { keys } = await test.operator.rotateKeys();
  const refused = await assertRejects(() => test.operator.rotateKeys(), ManagerRefusedError);
  assertEquals([refused.status, refused.code], [409, "rotating"]);
  await test.stop();
  await using again = await TestManager.start({}, test.dir);
  assertEquals((await again.operator.keys()).keys, keys);
  assertEquals(
    (await again.register("a")).keys,
    keys.map(({ id, publicKey }) => ({ id, publicKey })),
  );
});
