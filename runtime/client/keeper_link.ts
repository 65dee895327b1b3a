/** The calling thread's end of the link to its keeper. */

import type { EndOfThread } from "../../ffi/end_of_thread.ts";
import {
  FabricUnavailableError,
  LeaseOverError,
  LeaseRefusedError,
  ManagerUnreachableError,
  NodeLostError,
  RfaasError,
  UnauthorizedError,
} from "../errors.ts";
import type {
  KeeperClosed,
  KeeperEvent,
  KeeperLeaseRequest,
  KeeperRequest,
  PlainError,
} from "../keeper/keeper_messages.ts";
import type { FabricChoice } from "../keeper/reach_node.ts";
import { type EndReason, endReason } from "../protocol/end_reason.ts";
import type { ManagerAddress } from "../http/manager_http.ts";

/** What the keeper sends about one lease. */
export type KeeperLeaseEvent = Exclude<KeeperEvent, { type: "refused" }>;

/** How long the keeper may take to release all leases, in milliseconds. */
const CLOSE_MS = 6000;

export class KeeperLink {
  readonly #worker: Worker;
  readonly #holdings: EndOfThread;
  readonly #leases = new Map<number, (event: KeeperEvent) => void>();
  readonly #gone = Promise.withResolvers<void>();
  #failure: PlainError | undefined;
  #lastKey = 0;

  /**
   * @param worker that {@linkcode startKeeper} returned.
   * @param holdings of the calling thread. The keeper's thread ends with the calling one, and then releases them.
   */
  constructor(
    worker: Worker,
    manager: ManagerAddress,
    fabric: FabricChoice,
    holdings: EndOfThread,
  ) {
    this.#holdings = holdings;
    this.#worker = worker;
    this.#worker.onmessage = ({ data }: MessageEvent<KeeperEvent | KeeperClosed>) => {
      if (data.type === "closed") this.#gone.resolve();
      else this.#leases.get(data.key)?.(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = keeperFailure(event.message);
      this.#failure = error; // it may arrive before the first lease is requested
      for (const [key, onEvent] of this.#leases) {
        onEvent({ type: "refused", key, error });
        onEvent({ type: "over", key, reason: endReason("failed", error.message) });
        onEvent({ type: "ended", key });
      }
      this.#gone.resolve();
    };
    this.#post({ type: "open", manager, fabric, holdings: holdings.address });
  }

  /** Takes a lease. Until it is granted, {@linkcode KeeperLink.end} gives it up; later events go to `onEvent`. */
  take(
    request: Omit<KeeperLeaseRequest, "key">,
    onEvent: (event: KeeperLeaseEvent) => void,
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
          onEvent(event);
        } finally {
          if (event.type === "log") this.#post({ type: "logged", key });
        }
      }
    });
    this.#post({ type: "lease", ...request, key });
    return { key, granted: promise };
  }

  /** Releases a lease. The event `ended` follows. */
  end(key: number): void {
    this.#post({ type: "end", key });
  }

  /** Releases a part that has moved. */
  leave(key: number, part: number): void {
    this.#post({ type: "leave", key, part });
  }

  /** Gives up a part that has no executor. An event reports whether it moves or ends. */
  abandon(key: number, part: number, reason: EndReason): void {
    this.#post({ type: "abandon", key, part, reason });
  }

  /** Drops a lease that has ended. */
  forget(key: number): void {
    this.#leases.delete(key);
  }

  /** Releases all leases and ends the thread. */
  async close(): Promise<void> {
    this.#post({ type: "close" });
    const timer = setTimeout(() => this.#gone.resolve(), CLOSE_MS);
    await this.#gone.promise;
    clearTimeout(timer);
    this.#holdings.disarm();
    this.#worker.terminate();
    for (const [key, onEvent] of this.#leases) onEvent({ type: "ended", key });
  }

  #post(request: KeeperRequest): void {
    this.#worker.postMessage(request);
  }
}

/** Starts the keeper's thread, which loads its modules meanwhile. */
export function startKeeper(): Worker {
  return new Worker(new URL("../keeper/keeper_worker.ts", import.meta.url), { type: "module" });
}

/**
 * The keeper's module. It is not called: `deno compile` includes modules that are imported somewhere, but not those that
 * are started as workers.
 */
export const includeKeeper = (): Promise<unknown> => import("../keeper/keeper_worker.ts");

function keeperFailure(message: string): PlainError {
  const missing = /Module not found "([^"]+)"/.exec(message)?.[1];
  if (missing === undefined) {
    return { name: "RfaasError", message: `Cannot keep leases: the keeper failed: ${message}` };
  }
  return {
    name: "FabricUnavailableError",
    message:
      `Cannot keep leases: there is no module ${missing}. A bundled app needs rfaas beside ` +
      "its bundle: deno bundle --external '/path/to/rfaas/*'",
  };
}

function restore({ name, message, reason, code }: PlainError): RfaasError {
  switch (name) {
    case "LeaseRefusedError":
      return new LeaseRefusedError(message, reason ?? "failed");
    case "ManagerUnreachableError":
      return new ManagerUnreachableError(message);
    case "UnauthorizedError":
      return new UnauthorizedError(message);
    case "FabricUnavailableError":
      return new FabricUnavailableError(message);
    case "LeaseOverError":
      return new LeaseOverError(message, code ?? "other");
    case "NodeLostError":
      return new NodeLostError(message, "not-run");
    default:
      return new RfaasError(message);
  }
}
