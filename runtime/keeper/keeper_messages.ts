/** Messages between the calling thread and the keeper. */

import type { LogBatch } from "../control/log_relay.ts";
import type { ManagerAddress } from "../http/manager_http.ts";
import type { EndCode, EndReason } from "../protocol/end_reason.ts";
import type { Executor, ExecutorLost } from "../protocol/node_protocol.ts";
import type { ServeTerms } from "../protocol/serve_terms.ts";
import type { KeptStartup } from "./lease_startup.ts";
import type { FabricChoice } from "./reach_node.ts";

/** A lease to take. */
export interface KeeperLeaseRequest extends ServeTerms {
  /** Identifies the lease between the two threads. */
  readonly key: number;
  readonly memoryBytes: number;
  readonly termMs: number;
  readonly renew: boolean;
  /** How long to wait for capacity, in milliseconds. */
  readonly waitMs: number;
  /** How long to look for a replacement node for a lost part, in milliseconds. */
  readonly replaceMs: number;
  readonly sha256: string;
  readonly source: Uint8Array<ArrayBuffer>;
  /** The trace that taking the lease, and moving its parts, is part of. */
  readonly traceparent?: string | undefined;
}

/** To the keeper. */
export type KeeperRequest =
  | {
    readonly type: "open";
    readonly manager: ManagerAddress;
    readonly fabric: FabricChoice;
    /** The calling thread's: the address of an {@linkcode EndOfThread}. */
    readonly holdings: number;
  }
  | { readonly type: "lease" } & KeeperLeaseRequest
  /** The last calls on a part that has moved are complete. */
  | { readonly type: "leave"; readonly key: number; readonly part: number }
  /** No worker of a part has had an executor for too long: the part is of no use. */
  | {
    readonly type: "abandon";
    readonly key: number;
    readonly part: number;
    readonly reason: EndReason;
  }
  /** The app has processed the last batch of lines: another may follow. */
  | { readonly type: "logged"; readonly key: number }
  | { readonly type: "end"; readonly key: number }
  /** Release everything. The response is {@linkcode KeeperClosed}. */
  | { readonly type: "close" };

/** An error that crosses a thread: the class by its name. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  /** Of {@linkcode LeaseRefusedError}. */
  readonly reason?: string;
  /** Of {@linkcode LeaseOverError}. */
  readonly code?: EndCode;
}

/** From the keeper: everything is released. */
export interface KeeperClosed {
  readonly type: "closed";
}

/** What a lease has of one node. */
export interface PartGrant {
  /** Identifies the part between the two threads. No other part of the lease ever has the same number. */
  readonly part: number;
  /** The lease's id with the resource manager; a part that moved has another one. */
  readonly lease: string;
  /** The node's name. */
  readonly node: string;
  readonly workerIndexes: readonly number[];
  /** The first executor of each worker. */
  readonly executors: readonly Executor[];
  /** The words of lease_words.ts. */
  readonly words: SharedArrayBuffer;
}

/** From the keeper, of one lease. */
export type KeeperEvent =
  | {
    readonly type: "granted";
    readonly key: number;
    readonly parts: readonly PartGrant[];
    readonly startup: KeptStartup;
    readonly expiresMs: number;
  }
  | { readonly type: "refused"; readonly key: number; readonly error: PlainError }
  /** Its response is `logged`, so that batches do not pile up while the calling thread is busy. */
  | ({ readonly type: "log"; readonly key: number } & LogBatch)
  | { readonly type: "renewed"; readonly key: number; readonly expiresMs: number }
  /** The executor of this worker and generation has ended. */
  | { readonly type: "lost"; readonly key: number; readonly part: number } & ExecutorLost
  /** Another executor replaces the last one of its worker. */
  | {
    readonly type: "executor";
    readonly key: number;
    readonly part: number;
    readonly executor: Executor;
  }
  /** A part's node drains, with this grace period: the keeper looks for other nodes. */
  | {
    readonly type: "draining";
    readonly key: number;
    readonly part: number;
    readonly graceMs: number;
  }
  /** A part is over, or its node is lost: the keeper looks for other nodes. */
  | {
    readonly type: "gone";
    readonly key: number;
    readonly part: number;
    readonly reason: EndReason;
  }
  /** Other parts, with as many workers together, replace a part. Its response is `leave`. */
  | {
    readonly type: "moved";
    readonly key: number;
    readonly part: number;
    readonly parts: readonly PartGrant[];
    readonly expiresMs: number;
  }
  /** A part is gone for good, and nothing replaces it. */
  | {
    readonly type: "shrunk";
    readonly key: number;
    readonly part: number;
    readonly reason: EndReason;
  }
  /** The lease is over, or its last node is lost: the words show which. */
  | { readonly type: "over"; readonly key: number; readonly reason: EndReason }
  /** Everything is released. */
  | { readonly type: "ended"; readonly key: number };
