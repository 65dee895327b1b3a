/** What the program and its ranks exchange, a line each. */

/** The first line to a rank. */
export interface RankTask {
  readonly connect: {
    readonly manager: string;
    readonly token: string;
    readonly fabric: "shm" | "verbs";
  };
  /** The size of the furnace. */
  readonly side: number;
  /** The rows of the rank: the first, and the one after the last. */
  readonly first: number;
  readonly end: number;
  /** Leased workers of the rank. */
  readonly workers: number;
  /** Whether they compute; without, the rank computes alone. */
  readonly offload: boolean;
}

/** The reply to an x. */
export interface RankReply {
  /** The rank's rows of the next x, in base64. */
  readonly rows: string;
  /** The share of the rows that leased workers had. */
  readonly share: number;
  /** Why a share was computed by the rank itself after all. */
  readonly lost?: string;
  /** Rows below which offloading does not pay. */
  readonly breakEvenRows: number | undefined;
}
