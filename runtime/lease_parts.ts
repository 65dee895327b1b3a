/** What a lease is made of, and what its client alone may do with it. */

import type { Fabrics } from "../fabric/open.ts";
import type { KeeperLink, LeaseNews } from "./keeper_link.ts";
import type { CheckedLeaseOptions } from "./lease_options.ts";
import type { LeaseStartup } from "./lease_startup.ts";
import type { LeaseWords } from "./lease_words.ts";
import type { Executor } from "./node_protocol.ts";
import type { Pump } from "./pump.ts";
import type { WorkerSession } from "./worker_session.ts";

/** What a lease is made of, from its client. */
export interface LeaseParts {
  readonly key: number;
  readonly id: string;
  readonly node: string;
  readonly options: CheckedLeaseOptions;
  readonly words: LeaseWords;
  readonly keeper: KeeperLink;
  readonly pump: Pump;
  readonly fabrics: Fabrics;
  readonly expiresMs: number;
  /** The sequence number before the first; tests start it high. */
  readonly firstSequence: number;
  readonly yieldCore: () => void;
}

/** What the client does with a lease and an app must not. */
export interface LeaseControl {
  /** Attaches to an executor's workers; calls that wait are posted. */
  attach(executor: Executor, signal?: AbortSignal): Promise<void>;
  /** It serves. */
  started(startup: LeaseStartup): void;
  /** News from the keeper. */
  hear(news: LeaseNews): void;
  /** A connection was found gone. */
  lose(session: WorkerSession): void;
}
