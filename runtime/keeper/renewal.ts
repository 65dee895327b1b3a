/** Renewing a lease while it is open. */

import { LeaseOverError } from "../errors.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import type { GrantedLease } from "./granted_lease.ts";

/** A renewal is due when this share of the term is left; one that fails is repeated until the end. */
const RENEW_AT_SHARE = 0.5;
const RENEW_RETRY_MS = 1000;

export interface RenewalHandlers {
  renewed(): void;
  /** The resource manager has ended it. */
  over(reason: EndReason): void;
}

export class Renewal {
  readonly #grantedLease: GrantedLease;
  readonly #handlers: RenewalHandlers;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** Renews until it is stopped. */
  constructor(grantedLease: GrantedLease, handlers: RenewalHandlers) {
    this.#grantedLease = grantedLease;
    this.#handlers = handlers;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Counted from the end, not from now: admission has used some of a short term already. */
  #schedule(inMs?: number): void {
    const { endsAtMs, request } = this.#grantedLease;
    inMs ??= endsAtMs - performance.now() - request.termMs * RENEW_AT_SHARE;
    this.#timer = setTimeout(() => this.#renew(), Math.max(0, inMs));
  }

  async #renew(): Promise<void> {
    const beforeMs = this.#grantedLease.endsAtMs;
    const failure: unknown = await this.#grantedLease.renew().then(
      () => undefined,
      (error) => error,
    );
    if (this.#stopped) return;
    if (failure instanceof LeaseOverError) {
      return this.#handlers.over(endReason("revoked", failure.message));
    }
    if (this.#grantedLease.endsAtMs > beforeMs) this.#handlers.renewed();
    if (failure === undefined) return this.#schedule();
    // The resource manager may come back before the term is over, or a node that hangs. If not, the node ends the lease.
    this.#schedule(Math.min(RENEW_RETRY_MS, this.#grantedLease.request.termMs / 10));
  }
}
