/** Who may take cores of this node: a grant of the resource manager, checked offline, and room for it. */

import { ControlError } from "../../runtime/control/control_channel.ts";
import { LeaseRefused } from "../../runtime/errors.ts";
import {
  slotMemoryBytes,
  slotMemoryText,
  type SlotNeeds,
} from "../../runtime/protocol/slot_memory.ts";
import { type Grant, memoryShare, verifyGrant } from "../../runtime/grant/grant.ts";
import type { Capacity } from "./capacity.ts";
import type { Registration } from "./registration.ts";

/**
 * How long after its end a lease is still known to have been admitted: a resource manager that was started again may
 * show a time that is up to 30 s earlier, by which an old grant were good once more.
 */
const USED_FOR_MS = 60_000;

/** A grant that was admitted, and how to give its cores back. */
export interface Admitted {
  readonly grant: Grant;
  /** What goes with the workers that were claimed: all of the grant's, or its share. */
  readonly memoryBytes: number;
  /** What of it is left for functions: the rest is their slots'. */
  readonly functionBytes: number;
  /** Gives cores and memory back; may be called twice. */
  readonly release: () => void;
}

/** What a node knows by its registration and its heartbeats. */
export type Standing = Pick<Registration, "id" | "epoch" | "keys" | "clock">;

export class Admission {
  readonly #registration: Standing;
  readonly #capacity: Capacity;
  /** Leases that were admitted, with their ends: none is admitted again while it is held or a grant may be good. */
  readonly #admitted = new Map<string, number>();
  readonly #held = new Set<string>();

  constructor(registration: Standing, capacity: Capacity) {
    this.#registration = registration;
    this.#capacity = capacity;
  }

  /**
   * Admits a grant once.
   *
   * @throws {ControlError} with the reason as its code.
   */
  admit(text: string, slots: SlotNeeds): Admitted {
    const { workers } = slots;
    const grant = this.check(text);
    const nowMs = this.#registration.clock.nowMs();
    if (nowMs > grant.claimByMs) {
      throw new ControlError("Cannot admit: the grant was to be claimed earlier", "too-late");
    }
    for (const [lease, expiresMs] of this.#admitted) {
      if (expiresMs + USED_FOR_MS < nowMs && !this.#held.has(lease)) this.#admitted.delete(lease);
    }
    if (this.#admitted.has(grant.lease)) {
      throw new ControlError("Cannot admit: this grant was claimed before", "bad-grant");
    }
    if (workers > grant.workers) {
      throw new ControlError(
        `Cannot admit ${workers} workers: the grant is for ${grant.workers}`,
        "bad-grant",
      );
    }
    const memoryBytes = memoryShare(grant.memoryBytes, workers, grant.workers);
    const functionBytes = memoryBytes - slotMemoryBytes(slots);
    if (functionBytes < 0) {
      throw new ControlError(
        `Cannot admit: ${slotMemoryText(slots)}, are more than the ${memoryBytes} of its grant`,
        "memory",
      );
    }
    const free = this.#capacity.take(workers, memoryBytes);
    this.#admitted.set(grant.lease, grant.expiresMs);
    this.#held.add(grant.lease);
    const release = () => {
      free();
      this.#held.delete(grant.lease);
    };
    return { grant, memoryBytes, functionBytes, release };
  }

  /** A lease's end has moved: its first grant stays used up until then. */
  prolong(lease: string, expiresMs: number): void {
    this.#admitted.set(lease, expiresMs);
  }

  /**
   * A grant of this node, of its present epoch, that has not expired.
   *
   * @throws {ControlError} with the reason as its code.
   */
  check(text: string): Grant {
    const { id, epoch, keys, clock } = this.#registration;
    let grant: Grant;
    try {
      grant = verifyGrant(text, keys);
    } catch (error) {
      if (!(error instanceof LeaseRefused)) throw error;
      throw new ControlError(error.message, error.reason, { cause: error });
    }
    if (grant.node !== id) {
      throw new ControlError("Cannot admit: the grant names another node", "bad-grant");
    }
    if (grant.epoch !== epoch) {
      throw new ControlError(
        `Cannot admit: the grant is of epoch ${grant.epoch}, now is ${epoch}`,
        "bad-grant",
      );
    }
    if (clock.nowMs() >= grant.expiresMs) {
      throw new ControlError("Cannot admit: the grant has expired", "expired");
    }
    return grant;
  }
}
