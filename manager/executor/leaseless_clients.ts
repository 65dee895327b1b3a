/** Clients of a node that are connected and hold no lease: so many at most, and each for so long. */

/** How many there may be: each has 1.5 MiB of buffers and some descriptors. */
const MAX_LEASELESS = 256;
/**
 * How long one may be so. An honest client asks for its lease at once, by a grant that is to be claimed within two
 * seconds, and leaves when it was refused or its lease has ended; five times that is for hosts that swap.
 */
const LEASELESS_MS = 10_000;

export class LeaselessClients {
  readonly maxMs: number;
  #count = 0;

  /** @param maxMs @default 10 s */
  constructor(maxMs: number = LEASELESS_MS) {
    this.maxMs = maxMs;
  }

  /** Takes a place; undefined when none is free. */
  enter(): LeaselessPlace | undefined {
    if (this.#count >= MAX_LEASELESS) return undefined;
    return new LeaselessPlace(this.maxMs, (by) => this.#count += by);
  }
}

/** One client's place, taken until it has a lease and again when that has ended. */
export class LeaselessPlace {
  readonly #maxMs: number;
  readonly #count: (by: number) => void;
  #taken = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(maxMs: number, count: (by: number) => void) {
    this.#maxMs = maxMs;
    this.#count = count;
    this.take();
  }

  take(): void {
    if (!this.#taken) this.#count(1);
    this.#taken = true;
  }

  /** Lets the place go and ends the count of time. May be called twice. */
  leave(): void {
    clearTimeout(this.#timer);
    if (this.#taken) this.#count(-1);
    this.#taken = false;
  }

  /**
   * Counts the client's time from now on.
   *
   * @param isAsking whether an admission is under way, which has limits of its own: then the time begins anew.
   * @param overdue ends the client.
   */
  bound(isAsking: () => boolean, overdue: () => void): void {
    this.#timer = setTimeout(
      () => isAsking() ? this.bound(isAsking, overdue) : overdue(),
      this.#maxMs,
    );
  }
}
