/** The keys that sign grants. One signs; older ones are accepted until their last grant ends. */
import {
  createStoredKey,
  openStoredKey,
  type SigningKey,
} from "../../../runtime/grant/grant_key.ts";
import type * as api from "../../../runtime/http/manager_api.ts";
import { HEARTBEAT_MS, KEY_LEARN_MS, MAX_KEYS } from "../policy.ts";
import { type Actor, BY_MANAGER, byToken, recordEvent } from "../record_event.ts";
import { RefusalError } from "../refusal.ts";
import type { KeyRow, Store, TokenRow, Transaction } from "../store/store.ts";

/** The keys as the books use them. */
export interface GrantKeys {
  /** The keys that a node must accept, newest first. */
  readonly accepted: readonly api.GrantKey[];
  /** The key that signs at a time. */
  signing(nowMs: number): SigningKey;
}

/** The keys of the store. */
export class KeyRing implements GrantKeys {
  readonly #store: Store;
  readonly #clock: () => number;
  /** Newest first, as in the store. */
  #rows: readonly KeyRow[] = [];
  #keys: readonly SigningKey[] = [];
  #accepted: readonly api.GrantKey[] = [];

  private constructor(store: Store, clock: () => number) {
    this.#store = store;
    this.#clock = clock;
  }

  /** Reads the keys, and creates the first one. */
  static async open(store: Store, clock: () => number): Promise<KeyRing> {
    const ring = new KeyRing(store, clock);
    ring.#load(await store.transact((tx) => tx.keys()));
    if (ring.#rows.length === 0) ring.#load(await ring.#add(0, BY_MANAGER));
    return ring;
  }

  get accepted(): readonly api.GrantKey[] {
    return this.#accepted;
  }

  signing(nowMs: number): SigningKey {
    return this.#keys[signingIndex(this.#rows, nowMs)]!;
  }

  /**
   * Creates a key, which signs as soon as every node that is up can have received it.
   *
   * @throws {RefusalError} 409 `rotating` if a new key does not sign yet, `too-many-keys` if {@linkcode MAX_KEYS} keys
   * are in use.
   */
  async rotate(caller: Pick<TokenRow, "role" | "name">): Promise<api.KeyList> {
    this.#load(await this.#add(KEY_LEARN_MS, byToken(caller)));
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

  /** Sets the end of keys that were replaced, and drops those past their end. To be called regularly. */
  async dropOldKeys(): Promise<void> {
    const nowMs = this.#clock();
    if (signingIndex(this.#rows, nowMs) === this.#rows.length - 1) return;
    this.#load(
      await this.#store.transact((tx) => {
        dropOldKeys(tx, nowMs);
        return tx.keys();
      }),
    );
  }

  async #add(learnMs: number, actor: Actor): Promise<KeyRow[]> {
    const key = await createStoredKey();
    const nowMs = this.#clock();
    return await this.#store.transact((tx) => {
      const known = tx.keys();
      const waitMs = (known[0]?.signsFromMs ?? 0) - nowMs;
      if (waitMs > 0) {
        const state = `key ${known[0]!.id} signs in ${waitMs} ms`;
        throw new RefusalError(409, "rotating", `Cannot rotate keys: ${state}`);
      }
      if (known.length >= MAX_KEYS) {
        const state = `running leases use ${known.length} keys, the limit is ${MAX_KEYS}`;
        throw new RefusalError(409, "too-many-keys", `Cannot rotate keys: ${state}`);
      }
      tx.putKey({ ...key, createdMs: nowMs, signsFromMs: nowMs + learnMs, dropMs: null });
      recordEvent(tx, "key-created", nowMs, actor, { message: `key ${key.id}` });
      return tx.keys();
    });
  }

  #load(rows: readonly KeyRow[]): void {
    this.#rows = rows;
    this.#keys = rows.map((row) =>
      this.#keys.find(({ id }) => id === row.id) ?? openStoredKey(row)
    );
    this.#accepted = rows.map(({ id, publicKey }) => ({ id, publicKey }));
  }
}

/** The newest key that signs at a time. A key with an end never signs again, even if the clock was set back. */
function signingIndex(rows: readonly KeyRow[], nowMs: number): number {
  const at = rows.findIndex(({ signsFromMs }, index) =>
    signsFromMs <= nowMs || (rows[index + 1]?.dropMs ?? null) !== null
  );
  return at < 0 ? rows.length - 1 : at;
}

function dropOldKeys(tx: Transaction, nowMs: number): void {
  const keys = tx.keys();
  for (const key of keys.slice(signingIndex(keys, nowMs) + 1)) {
    if (key.dropMs === null) {
      // It signs no new grants, so none outlasts the current ends of the running leases.
      const dropMs = tx.runningLeases()
        .reduce((latest, lease) => Math.max(latest, lease.expiresMs), nowMs);
      // The clocks of nodes lag by a part of a round trip.
      tx.putKey({ ...key, dropMs: dropMs + HEARTBEAT_MS });
    } else if (key.dropMs <= nowMs) {
      tx.deleteKey(key.id);
    }
  }
}
