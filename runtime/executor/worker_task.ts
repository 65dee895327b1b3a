/** What an executor's main thread and its workers say to each other. */

import type { CoreWords } from "./core_token.ts";

/** The message that starts a worker, before it is known what it will serve. */
export interface WorkerStart {
  /** Carries one {@linkcode WorkerTask} there and {@linkcode WorkerReport}s back; the package can't reach it. */
  readonly port: MessagePort;
}

/** What a worker is to serve. */
export interface WorkerTask {
  /** The worker's number in its executor, from 0. */
  readonly worker: number;
  /** How many workers its executor has. */
  readonly workers: number;
  /** The worker's number in its lease, from 0: other nodes may serve it as well. */
  readonly place: number;
  /** The lease's id, and whether its client wants to see what functions log. */
  readonly lease: string;
  readonly logs: boolean;
  /** A WebAssembly module may import WASI. */
  readonly wasi: boolean;
  readonly depth: number;
  readonly maxBytes: number;
  /** The worker's part of the lease's memory. */
  readonly memoryBytes: number;
  readonly hotMs: number;
  /** Where to listen: a provider's name or an address. No other provider is opened. */
  readonly listen: string;
  /** What the client must show to attach. */
  readonly secret: Uint8Array;
  /** The function package; its first bytes tell its kind. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** The words of watch_words.ts. */
  readonly watch: SharedArrayBuffer;
  /** An eventfd of the process that wakes a sleeping worker to stop. */
  readonly stopFd: number;
  /** The longest that a call may take, in milliseconds. */
  readonly callMs: number;
  /** The core that the worker keeps to. */
  readonly pin?: number;
  /** The node's cores, where its workers outnumber them. */
  readonly coreWords?: CoreWords;
}

/** The first address is that in shared memory, told at the start; another follows if the task names another place. */
export type WorkerReport =
  | { readonly address: string }
  /** A line that a function logged. */
  | { readonly log: string }
  /** Its loop is over; `orderly` if the client has left or it was told to stop. */
  | { readonly ended: string; readonly orderly: boolean };
