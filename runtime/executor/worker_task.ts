/** What an executor's main thread and its workers say to each other. */

/** The single message that starts a worker. */
export interface WorkerTask {
  /** Carries {@linkcode WorkerReport}s back; the package can't reach it. */
  readonly port: MessagePort;
  /** The worker's number in its lease, from 0. */
  readonly worker: number;
  readonly depth: number;
  readonly maxBytes: number;
  readonly hotMs: number;
  /** Where to listen: a provider's name or an address. No other provider is opened. */
  readonly listen: string;
  /** What the client must show to attach. */
  readonly secret: Uint8Array;
  /** The bundled function package. */
  readonly source: Uint8Array<ArrayBuffer>;
  /** The words of watch_words.ts. */
  readonly watch: SharedArrayBuffer;
  /** An eventfd of the process that wakes a sleeping worker to stop. */
  readonly stopFd: number;
}

export type WorkerReport = { readonly address: string } | { readonly ended: string };
