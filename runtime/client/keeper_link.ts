/** The calling thread's end of the link to its keeper. */

import {
  FabricUnavailable,
  LeaseOver,
  LeaseRefused,
  ManagerUnreachable,
  NodeLost,
  RfaasError,
  Unauthorized,
} from "../errors.ts";
import type {
  KeeperClosed,
  KeeperEvent,
  KeeperRequest,
  PlainError,
} from "../keeper/keeper_messages.ts";
import type { FabricChoice } from "../keeper/reach_node.ts";
import type { ManagerAddress } from "../http/manager_http.ts";

/** What the keeper tells of one lease. */
export type LeaseNews = Exclude<KeeperEvent, { type: "refused" }>;

/** How long the keeper may take to give everything back. */
const CLOSE_MS = 6000;

export class KeeperLink {
  readonly #worker: Worker;
  readonly #leases = new Map<number, (event: KeeperEvent) => void>();
  readonly #gone = Promise.withResolvers<void>();
  #failure: PlainError | undefined;
  #lastKey = 0;

  constructor(manager: ManagerAddress, fabric: FabricChoice) {
    this.#worker = new Worker(new URL("../keeper/keeper_worker.ts", import.meta.url), {
      type: "module",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<KeeperEvent | KeeperClosed>) => {
      if (data.type === "closed") this.#gone.resolve();
      else this.#leases.get(data.key)?.(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = { name: "RfaasError", message: `Cannot keep leases: ${event.message}` };
      this.#failure = error; // it may come before the first lease is asked for
      for (const [key, hear] of this.#leases) {
        hear({ type: "refused", key, error });
        hear({ type: "over", key, reason: error.message });
        hear({ type: "ended", key });
      }
      this.#gone.resolve();
    };
    this.#post({ type: "open", manager, fabric });
  }

  /** Takes a lease; later news of it go to `hear`. Until it is granted, {@linkcode KeeperLink.end} gives it up. */
  take(
    request: Omit<Extract<KeeperRequest, { type: "lease" }>, "type" | "key">,
    hear: (news: LeaseNews) => void,
  ): { key: number; granted: Promise<Extract<KeeperEvent, { type: "granted" }>> } {
    const key = ++this.#lastKey;
    if (this.#failure) return { key, granted: Promise.reject(restore(this.#failure)) };
    const { promise, resolve, reject } = Promise.withResolvers<
      Extract<KeeperEvent, { type: "granted" }>
    >();
    this.#leases.set(key, (event) => {
      if (event.type === "granted") resolve(event);
      else if (event.type === "refused") {
        this.#leases.delete(key);
        reject(restore(event.error));
      } else {
        try {
          hear(event);
        } finally {
          if (event.type === "log") this.#post({ type: "heard", key });
        }
      }
    });
    this.#post({ type: "lease", key, ...request });
    return { key, granted: promise };
  }

  /** Gives a lease back; the news `ended` follows. */
  end(key: number): void {
    this.#post({ type: "end", key });
  }

  /** Gives back a part that has moved. */
  leave(key: number, part: number): void {
    this.#post({ type: "leave", key, part });
  }

  /** A part is of no use: the news tell what becomes of it. */
  abandon(key: number, part: number, reason: string): void {
    this.#post({ type: "abandon", key, part, reason });
  }

  forget(key: number): void {
    this.#leases.delete(key);
  }

  /** Gives all leases back and ends the thread. */
  async close(): Promise<void> {
    this.#post({ type: "close" });
    const timer = setTimeout(() => this.#gone.resolve(), CLOSE_MS);
    await this.#gone.promise;
    clearTimeout(timer);
    this.#worker.terminate();
    for (const [key, hear] of this.#leases) hear({ type: "ended", key });
  }

  #post(request: KeeperRequest): void {
    this.#worker.postMessage(request);
  }
}

function restore({ name, message, reason }: PlainError): RfaasError {
  switch (name) {
    case "LeaseRefused":
      return new LeaseRefused(message, reason ?? "failed");
    case "ManagerUnreachable":
      return new ManagerUnreachable(message);
    case "Unauthorized":
      return new Unauthorized(message);
    case "FabricUnavailable":
      return new FabricUnavailable(message);
    case "LeaseOver":
      return new LeaseOver(message);
    case "NodeLost":
      return new NodeLost(message, "not-run");
    default:
      return new RfaasError(message);
  }
}
