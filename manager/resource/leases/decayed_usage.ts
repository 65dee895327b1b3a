/** What accounts have used, where older usage counts less: half as much after each half-life. */

/** To which the usage of a client is counted: its account, or the client itself if it has none. */
export function payerOf(
  { account, client }: { readonly account?: string | null | undefined; readonly client: string },
): string {
  // Names have no slash.
  return account === undefined || account === null ? `client/${client}` : `account/${account}`;
}

/** Usage below this is none: a core-millisecond. */
const NEGLIGIBLE = 1;

/** The usage of each payer, in core-milliseconds. */
export class DecayedUsage {
  readonly #clock: () => number;
  readonly #halfLifeMs: number;
  readonly #payers = new Map<string, { readonly coreMs: number; readonly atMs: number }>();

  constructor(clock: () => number, halfLifeMs: number) {
    this.#clock = clock;
    this.#halfLifeMs = halfLifeMs;
  }

  /** How many payers have any usage. */
  get size(): number {
    return this.#payers.size;
  }

  of(payer: string): number {
    const known = this.#payers.get(payer);
    return known === undefined ? 0 : this.#decayed(known.coreMs, known.atMs);
  }

  /** @param atMs when it was used. @default now */
  add(payer: string, coreMs: number, atMs: number = this.#clock()): void {
    const sum = this.of(payer) + this.#decayed(coreMs, atMs);
    if (sum > 0) this.#payers.set(payer, { coreMs: sum, atMs: this.#clock() });
  }

  /** Forgets payers without usage. To be called now and then. */
  sweep(): void {
    for (const payer of this.#payers.keys()) {
      if (this.of(payer) < NEGLIGIBLE) this.#payers.delete(payer);
    }
  }

  #decayed(coreMs: number, atMs: number): number {
    return coreMs * 2 ** (Math.min(0, atMs - this.#clock()) / this.#halfLifeMs);
  }
}
