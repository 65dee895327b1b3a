/** Messages between an executor's main thread and its worker. */

import type { EndReason } from "../protocol/end_reason.ts";
import type { LogLevel } from "../control/log_relay.ts";
import type { StartRequest } from "./start_request.ts";

/** The message that starts a worker, before there is a lease to serve. */
export interface WorkerStart {
  /** Carries one {@linkcode WorkerTask} there and {@linkcode WorkerReport}s back; the package can't reach it. */
  readonly port: MessagePort;
}

/** What a worker serves. */
export interface WorkerTask
  extends Omit<StartRequest, "secret" | "counters" | "callMs" | "package"> {
  /** What the client must present to attach. */
  readonly secret: Uint8Array;
  /** The function package; its first bytes show its kind. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** The words of watch_words.ts. */
  readonly watch: SharedArrayBuffer;
  /** An eventfd of the process that wakes a sleeping worker to stop. */
  readonly stopFd: number;
  /** The longest that a call may take, in milliseconds. */
  readonly callMs: number;
}

/** A task, or a sample of one to run before. `null` requests an answer of the worker's event loop. */
export type ToWorker = WorkerTask | { readonly rehearse: WorkerTask };

/** The first address is that in shared memory; another follows if the task names another place to listen. */
export type WorkerReport =
  | { readonly address: string }
  /** The sample has run: empty, or why it failed. */
  | { readonly rehearsed: string }
  /** By slot, the address of the word that holds the sequence number of the call that the client has given up. */
  | { readonly givenUpAt: readonly number[] }
  /** A line that a function logged. */
  | { readonly log: string; readonly level: LogLevel }
  /** Its loop has ended. */
  | { readonly ended: EndReason };
