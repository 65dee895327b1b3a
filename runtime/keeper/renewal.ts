/** Renewing a lease while it is open. */

import { LeaseOver } from "../errors.ts";
import type { Tenancy } from "./tenancy.ts";

/** Renewal is due when this share of the term is left; tries that fail are repeated until the end. */
const RENEW_AT_SHARE = 0.5;
const RENEW_RETRY_MS = 1000;

export interface RenewalHandlers {
  renewed(): void;
  /** The resource manager has ended it. */
  over(reason: string): void;
}

export class Renewal {
  readonly #tenancy: Tenancy;
  readonly #handlers: RenewalHandlers;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** Renews until it is stopped. */
  constructor(tenancy: Tenancy, handlers: RenewalHandlers) {
    this.#tenancy = tenancy;
    this.#handlers = handlers;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Reckoned from the end, not from now: admission has taken its part of a short term already. */
  #schedule(inMs?: number): void {
    const { endsAtMs, request } = this.#tenancy;
    inMs ??= endsAtMs - performance.now() - request.seconds * 1000 * RENEW_AT_SHARE;
    this.#timer = setTimeout(() => this.#renew(), Math.max(0, inMs));
  }

  async #renew(): Promise<void> {
    const beforeMs = this.#tenancy.endsAtMs;
    const failure: unknown = await this.#tenancy.renew().then(() => undefined, (error) => error);
    if (this.#stopped) return;
    if (failure instanceof LeaseOver) return this.#handlers.over(failure.message);
    if (this.#tenancy.endsAtMs > beforeMs) this.#handlers.renewed();
    if (failure === undefined) return this.#schedule();
    // The resource manager may come back before the term is over, or a node that hangs; the node ends the lease if not.
    this.#schedule(Math.min(RENEW_RETRY_MS, this.#tenancy.request.seconds * 100));
  }
}
