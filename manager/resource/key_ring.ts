/** The keys that grants are signed with: one signs, older ones are accepted until their last grant is over. */
import { createStoredKey, openStoredKey, type SigningKey } from "../../runtime/grant/grant_key.ts";
import type * as api from "../../runtime/http/manager_api.ts";
import { heartbeatMs, keyLearnMs, maxKeys } from "./policy.ts";
import { Refusal } from "./refusal.ts";
import type { KeyRow, Store, Transaction } from "./store.ts";

/** What the books need of keys. */
export interface GrantKeys {
  /** Those that a node should accept, newest first. */
  readonly accepted: readonly api.GrantKey[];
  /** The one that signs at a time. */
  signing(nowMs: number): SigningKey;
}

/** The keys of the store. */
export class KeyRing implements GrantKeys {
  readonly #store: Store;
  readonly #clock: () => number;
  /** Newest first, as the store has them. */
  #rows: readonly KeyRow[] = [];
  #keys: readonly SigningKey[] = [];
  #accepted: readonly api.GrantKey[] = [];

  private constructor(store: Store, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Reads the keys; makes the first one. */
  static async open(store: Store, clock: () => number): Promise<KeyRing> {
    const ring = new KeyRing(store, clock);
    ring.#take(await store.transact((tx) => tx.keys()));
    if (ring.#rows.length === 0) ring.#take(await ring.#add(0));
    return ring;
  }

  get accepted(): readonly api.GrantKey[] {
    return this.#accepted;
  }

  signing(nowMs: number): SigningKey {
    return this.#keys[signingIndex(this.#rows, nowMs)]!;
  }

  /**
   * Makes a key that signs as soon as every node that is up has had the time to learn of it.
   *
   * @throws {Refusal} 409 `rotating` if one waits to sign, `too-many-keys` if so many old ones are still needed.
   */
  async rotate(): Promise<api.KeyList> {
    this.#take(await this.#add(keyLearnMs));
    return this.list();
  }

  /** All keys, newest first. */
  list(): api.KeyList {
    const nowMs = this.#clock();
    const signing = signingIndex(this.#rows, nowMs);
    const keys = this.#rows.map(({ id, publicKey, createdMs, signsFromMs, dropMs }, at) => ({
      id,
      publicKey,
      state: at < signing
        ? "coming" as const
        : at === signing
        ? "signing" as const
        : "old" as const,
      createdMs,
      signsFromMs,
      dropMs,
    }));
    return { nowMs, keys };
  }

  /** Finds how long old keys are needed, and drops those that are not any more. To be called now and then. */
  async settle(): Promise<void> {
    const nowMs = this.#clock();
    if (signingIndex(this.#rows, nowMs) === this.#rows.length - 1) return;
    this.#take(
      await this.#store.transact((tx) => {
        settleKeys(tx, nowMs);
        return tx.keys();
      }),
    );
  }

  async #add(learnMs: number): Promise<KeyRow[]> {
    const key = await createStoredKey();
    const nowMs = this.#clock();
    return await this.#store.transact((tx) => {
      const known = tx.keys();
      const waitMs = (known[0]?.signsFromMs ?? 0) - nowMs;
      if (waitMs > 0) {
        const state = `key ${known[0]!.id} is to sign in ${waitMs} ms`;
        throw new Refusal(409, "rotating", `Cannot rotate keys: ${state}`);
      }
      if (known.length >= maxKeys) {
        const state = `${known.length} are needed for leases that run`;
        throw new Refusal(409, "too-many-keys", `Cannot rotate keys: ${state}`);
      }
      tx.putKey({ ...key, createdMs: nowMs, signsFromMs: nowMs + learnMs, dropMs: null });
      return tx.keys();
    });
  }

  #take(rows: readonly KeyRow[]): void {
    this.#rows = rows;
    this.#keys = rows.map((row) =>
      this.#keys.find(({ id }) => id === row.id) ?? openStoredKey(row)
    );
    this.#accepted = rows.map(({ id, publicKey }) => ({ id, publicKey }));
  }
}

/** The newest that may sign by now. One whose end is known never signs again, though the clock may have been set back. */
function signingIndex(rows: readonly KeyRow[], nowMs: number): number {
  const at = rows.findIndex(({ signsFromMs }, index) =>
    signsFromMs <= nowMs || (rows[index + 1]?.dropMs ?? null) !== null
  );
  return at < 0 ? rows.length - 1 : at;
}

function settleKeys(tx: Transaction, nowMs: number): void {
  const keys = tx.keys();
  for (const key of keys.slice(signingIndex(keys, nowMs) + 1)) {
    if (key.dropMs === null) {
      // It signs no more, so no grant of it is good for longer than the leases that run now were to be.
      const dropMs = tx.runningLeases()
        .reduce((latest, lease) => Math.max(latest, lease.expiresMs), nowMs);
      // The clocks of nodes are behind by a part of a round trip.
      tx.putKey({ ...key, dropMs: dropMs + heartbeatMs });
    } else if (key.dropMs <= nowMs) {
      tx.deleteKey(key.id);
    }
  }
}
