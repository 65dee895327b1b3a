/** Clients of a node that are connected and hold no lease: how many, and for how long. */

/** Each has 1.5 MiB of buffers and some descriptors. */
const MAX_IDLE_CLIENTS = 256;
/**
 * An honest client claims its lease at once, by a grant that lapses within two seconds, and disconnects when it was
 * refused or its lease has ended. Five times that is for hosts that swap.
 */
const IDLE_CLIENT_MS = 10_000;

export class IdleClients {
  readonly maxMs: number;
  /** The seats that are taken, the longest taken first. */
  readonly #taken = new Set<IdleSeat>();

  /** @param maxMs @default 10 s */
  constructor(maxMs: number = IDLE_CLIENT_MS) {
    this.maxMs = maxMs;
  }

  /**
   * Takes a seat: if none is free, that of the client which has been silent longest, so that silent peers displace each
   * other only. Undefined if no client can be disconnected.
   */
  enter(): IdleSeat | undefined {
    if (this.#taken.size >= MAX_IDLE_CLIENTS) {
      const silent = [...this.#taken].find((seat) => seat.isSilent);
      if (silent === undefined) return undefined;
      silent.displace();
    }
    return new IdleSeat(this.maxMs, this.#taken);
  }
}

/** One client's share of the limit: taken until it has a lease, and again when that has ended. */
export class IdleSeat {
  readonly #maxMs: number;
  readonly #seats: Set<IdleSeat>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAdmitting: () => boolean = () => false;
  #disconnect: (() => void) | undefined;

  /** @param taken the seats that are taken. */
  constructor(maxMs: number, taken: Set<IdleSeat>) {
    this.#maxMs = maxMs;
    this.#seats = taken;
    this.take();
  }

  /** Whether its client is connected and has claimed nothing. */
  get isSilent(): boolean {
    return this.#disconnect !== undefined && !this.#isAdmitting();
  }

  /** Disconnects its client, for another one. */
  displace(): void {
    this.leave();
    this.#disconnect?.();
  }

  take(): void {
    this.#seats.add(this);
  }

  /** Frees the seat and stops the time limit. May be called twice. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#seats.delete(this);
  }

  /**
   * Starts the client's time limit.
   *
   * @param isAdmitting whether an admission is in progress, which has limits of its own: then the time starts anew.
   * @param disconnect disconnects the client: it is overdue, or has to leave its seat to another.
   */
  limit(isAdmitting: () => boolean, disconnect: (isOverdue: boolean) => void): void {
    this.#isAdmitting = isAdmitting;
    this.#disconnect = () => disconnect(false);
    this.#timer = setTimeout(
      () => isAdmitting() ? this.limit(isAdmitting, disconnect) : disconnect(true),
      this.#maxMs,
    );
  }
}
