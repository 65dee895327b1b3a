/** Admission: a node checks a grant of the resource manager offline, and takes the capacity for it. */

import { ControlError } from "../../../runtime/control/control_channel.ts";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import {
  slotMemoryBytes,
  slotMemoryText,
  type SlotNeeds,
} from "../../../runtime/protocol/slot_memory.ts";
import { type Grant, verifyGrant } from "../../../runtime/grant/grant.ts";
import { memoryShare } from "../../../runtime/grant/memory_share.ts";
import type { Capacity } from "./capacity.ts";
import type { Registration } from "../registration/registration.ts";

/**
 * How long after its end a lease stays in the record of admitted ones. A resource manager that restarts may show a time
 * that is up to 30 s earlier, at which an old grant would be valid again.
 */
const RECORD_MS = 60_000;

/** A grant that was admitted. */
export interface Admitted {
  readonly grant: Grant;
  /** The grant's memory, or the share of the workers that were claimed. */
  readonly memoryBytes: number;
  /** The part of it for functions; the rest is for their slots. */
  readonly functionBytes: number;
  /** Releases cores and memory; may be called twice. */
  readonly release: () => void;
}

/** What a node learns by its registration and its heartbeats. */
export type Standing = Pick<Registration, "id" | "epoch" | "keys" | "clock">;

export class Admission {
  readonly #registration: Standing;
  readonly #capacity: Capacity;
  /** Leases that were admitted, with their ends: none is admitted again while it runs or its grant may be valid. */
  readonly #admitted = new Map<string, number>();
  readonly #running = new Set<string>();

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
      throw new ControlError("Cannot admit: the grant was claimed too late", "too-late");
    }
    for (const [lease, expiresMs] of this.#admitted) {
      if (expiresMs + RECORD_MS < nowMs && !this.#running.has(lease)) this.#admitted.delete(lease);
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
        `Cannot admit: ${slotMemoryText(slots)} exceed the ${memoryBytes} bytes of the grant`,
        "memory",
      );
    }
    const free = this.#capacity.take(workers, memoryBytes);
    this.#admitted.set(grant.lease, grant.expiresMs);
    this.#running.add(grant.lease);
    const release = () => {
      free();
      this.#running.delete(grant.lease);
    };
    return { grant, memoryBytes, functionBytes, release };
  }

  /** A lease's end has moved: its first grant stays in the record until then. */
  prolong(lease: string, expiresMs: number): void {
    this.#admitted.set(lease, expiresMs);
  }

  /**
   * Checks that a grant is for this node in its present epoch, and has not expired.
   *
   * @throws {ControlError} with the reason as its code.
   */
  check(text: string): Grant {
    const { id, epoch, keys, clock } = this.#registration;
    let grant: Grant;
    try {
      grant = verifyGrant(text, keys);
    } catch (error) {
      if (!(error instanceof LeaseRefusedError)) throw error;
      throw new ControlError(error.message, error.reason, { cause: error });
    }
    if (grant.node !== id) {
      throw new ControlError("Cannot admit: the grant names another node", "bad-grant");
    }
    if (grant.epoch !== epoch) {
      throw new ControlError(
        `Cannot admit: the grant is of epoch ${grant.epoch}, the node is in epoch ${epoch}`,
        "bad-grant",
      );
    }
    if (clock.nowMs() >= grant.expiresMs) {
      throw new ControlError("Cannot admit: the grant has expired", "expired");
    }
    return grant;
  }
}
