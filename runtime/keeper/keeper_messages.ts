/** What the thread that calls and the thread that keeps its leases say to each other. */

import type { KeptStartup } from "./lease_startup.ts";
import type { LogBatch } from "../control/log_relay.ts";
import type { Executor } from "../protocol/node_protocol.ts";
import type { AllPermissions } from "../permissions.ts";
import type { ManagerAddress } from "../http/manager_http.ts";
import type { FabricChoice } from "./reach_node.ts";

/** To the keeper. */
export type KeeperRequest =
  | {
    readonly type: "open";
    readonly manager: ManagerAddress;
    readonly fabric: FabricChoice;
  }
  | {
    readonly type: "lease";
    /** Names the lease between the two threads. */
    readonly key: number;
    readonly workers: number;
    readonly memoryBytes: number;
    readonly seconds: number;
    readonly renew: boolean;
    /** How long to wait for room, in milliseconds. */
    readonly waitMs: number;
    /** How long a part that is lost is looked a place for, in milliseconds. */
    readonly replaceMs: number;
    readonly depth: number;
    readonly maxBytes: number;
    readonly hotMs: number;
    readonly permissions: AllPermissions;
    readonly logs: boolean;
    readonly wasi: boolean;
    readonly sha256: string;
    readonly source: Uint8Array<ArrayBuffer>;
  }
  /** What was sent to a part that has moved away is done. */
  | { readonly type: "leave"; readonly key: number; readonly part: number }
  /** A part is of no use: no fresh executor came in time. */
  | {
    readonly type: "abandon";
    readonly key: number;
    readonly part: number;
    readonly reason: string;
  }
  /** The last batch of lines was taken: another may follow. */
  | { readonly type: "heard"; readonly key: number }
  | { readonly type: "end"; readonly key: number }
  /** Give everything back; answered by {@linkcode KeeperClosed}. */
  | { readonly type: "close" };

/** An error that crosses a thread: the class by its name. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  /** Of {@linkcode LeaseRefused}. */
  readonly reason?: string;
}

/** From the keeper: it holds nothing any more. */
export interface KeeperClosed {
  readonly type: "closed";
}

/** What a lease has of one node. */
export interface PartGrant {
  /** Names the part between the two threads. No other part of the lease ever has the same. */
  readonly part: number;
  /** The lease's id with the resource manager; parts that have moved have others. */
  readonly lease: string;
  /** The node's name. */
  readonly node: string;
  /** The places of its workers in the lease. */
  readonly places: readonly number[];
  readonly executor: Executor;
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
  /** Answered by `heard`: what the calling thread has no turn to take must not pile up. */
  | ({ readonly type: "log"; readonly key: number } & LogBatch)
  | { readonly type: "renewed"; readonly key: number; readonly expiresMs: number }
  | {
    readonly type: "lost";
    readonly key: number;
    readonly part: number;
    readonly generation: number;
    readonly reason: string;
  }
  | {
    readonly type: "executor";
    readonly key: number;
    readonly part: number;
    readonly executor: Executor;
  }
  /** A part's node is taken back, and has said how long it waits: other nodes are looked for. */
  | {
    readonly type: "draining";
    readonly key: number;
    readonly part: number;
    readonly noticeMs: number;
  }
  /** A part is over, or its node is gone: other nodes are looked for. */
  | { readonly type: "gone"; readonly key: number; readonly part: number; readonly reason: string }
  /** Others have taken a part's place, with as many workers together; answered by `leave`. */
  | {
    readonly type: "moved";
    readonly key: number;
    readonly part: number;
    readonly parts: readonly PartGrant[];
    readonly expiresMs: number;
  }
  /** A part is gone for good, and nothing takes its place. */
  | {
    readonly type: "shrunk";
    readonly key: number;
    readonly part: number;
    readonly reason: string;
  }
  /** The lease is over, or its last node is gone: the words say which. */
  | { readonly type: "over"; readonly key: number; readonly reason: string }
  | { readonly type: "ended"; readonly key: number };
