/**
 * The contract that every provider fulfils: the semantics of a reliable connected (RC) queue pair under the names of
 * verbs.
 *
 * Requests of one connection complete in order; of a message's bytes nothing is promised before its completion. A
 * wrong rkey, a range outside the region or a missing access right is a completion with `REM_ACCESS_ERR`, and the
 * connection goes to error. Memory is not let go while a request may still touch it.
 *
 * Nothing on the path of a message allocates: requests take numbers, and {@linkcode Connection.poll} puts what it
 * found into one record a connection.
 *
 * Where verbs names an lkey with each local range, a request here names an offset in the connection's own arena: an
 * arena is registered whole, so its lkey is the provider's business.
 */

/** The longest message, in bytes: what the 31 bits of a length hold; InfiniBand ends one byte later. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/** What the peer may do with a region; the values of enum ibv_access_flags. */
export const Access = {
  LOCAL_WRITE: 1,
  REMOTE_WRITE: 2,
  REMOTE_READ: 4,
  REMOTE_ATOMIC: 8,
} as const;

/** Flags of a request; the values of enum ibv_send_flags. */
export const SIGNALED = 2;

/** A range of the local arena that the peer may use. */
export interface MemoryRegion {
  /** Where it begins in the arena, in bytes. */
  readonly offset: number;
  readonly length: number;
  /** What the peer calls its first byte: a number exact to 2^53. */
  readonly address: number;
  /** The key that the peer must show with each request. */
  readonly rkey: number;
  /** Takes the right back: later requests with this key end in `REM_ACCESS_ERR`. May be called twice. */
  deregister(): void;
}

/** What the last successful poll found. One record, written anew by each poll. */
export interface Completion {
  /** The id that the request or receive was posted with. */
  id: number;
  /** A {@linkcode Status}; 0 is success. */
  status: number;
  /** An {@linkcode Opcode}. */
  opcode: number;
  /** Bytes received, for receives. */
  byteLength: number;
  /** The 32 bits of a write with immediate, as a signed number. */
  immediate: number;
}

/** A connection's life. `connected` until either end disconnects, a request fails, or the peer is gone. */
export type ConnectionState = "connected" | "disconnected" | "error" | "closed";

/** A connected queue pair with its completion queue and its arena. */
export interface Connection extends Disposable {
  /** What the peer sent along when it connected or accepted. */
  readonly privateData: Uint8Array;
  readonly state: ConnectionState;
  /** Why the connection left `connected`, in a few words; empty before. */
  readonly reason: string;
  /** Filled by {@linkcode Connection.poll}. */
  readonly completion: Completion;
  /** Bytes of the local arena. */
  readonly arenaBytes: number;

  /** An ArrayBuffer of its own over a range of the local arena. It is detached when the connection closes. */
  buffer(offset: number, length: number): ArrayBuffer;
  /**
   * Lets the peer use a range of the local arena. `access` is a sum of {@linkcode Access} flags; where verbs ask for
   * LOCAL_WRITE beside a right to change, the provider adds it.
   */
  register(offset: number, length: number, access: number): MemoryRegion;
  /**
   * Where memory is shared: the peer's range itself, to read and write in place of copying (the right to write is
   * needed); elsewhere `undefined`. It is detached when the connection closes.
   *
   * @throws {FabricError} when the key, range or right is wrong.
   */
  share(remoteAddress: number, length: number, rkey: number): ArrayBuffer | undefined;

  /** Lends a range of the arena to an incoming message. */
  postReceive(id: number, offset: number, length: number): void;
  /** Posts `count` receives without memory, for writes with immediate. Their id is 0. */
  postReceives(count: number): void;
  /**
   * Sends a range into the receive that the peer posted first. One too long for it ends the connection: `LOC_LEN_ERR` at
   * the peer, `REM_INV_REQ_ERR` here (`REM_OP_ERR` from RDMA devices in software).
   */
  send(id: number, offset: number, length: number, flags: number): void;
  /** Writes a local range into the peer's region. */
  write(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    flags: number,
  ): void;
  /** The same, and takes one receive of the peer to tell it 32 bits. Length 0 touches no memory and needs no key. */
  writeImmediate(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    immediate: number,
    flags: number,
  ): void;
  /**
   * Where memory is shared: a write with immediate whose `length` bytes lie in place already, see
   * {@linkcode Connection.share}. Nothing is copied and no key is needed; never signalled.
   */
  notify(length: number, immediate: number): void;
  /** Reads from the peer's region into the local range. */
  read(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    flags: number,
  ): void;
  /** Adds to 64 bits of the peer's; what stood there before arrives at `offset`. Both are aligned to 8. */
  fetchAndAdd(
    id: number,
    offset: number,
    remoteAddress: number,
    rkey: number,
    add: bigint,
    flags: number,
  ): void;
  /** Puts `swap` where `compare` stands; what stood there before arrives at `offset`. Both are aligned to 8. */
  compareAndSwap(
    id: number,
    offset: number,
    remoteAddress: number,
    rkey: number,
    compare: bigint,
    swap: bigint,
    flags: number,
  ): void;

  /**
   * Takes the next completion into {@linkcode Connection.completion}; false when there is none.
   *
   * Signalled requests and all receives complete; a request that fails does so too, signalled or not. Once the
   * connection has left `connected`, what was outstanding comes with `WR_FLUSH_ERR`.
   */
  poll(): boolean;
  /** Looks whether the peer is still there (a system call); true while connected. A spin asks now and then. */
  probe(): boolean;
  /** Waits on the event loop until a completion may be there or the state has changed; false on time-out. */
  wait(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<boolean>;
  /** Blocks the thread likewise. `stopFd` ends the wait when it becomes readable. */
  waitSync(timeoutMs: number, stopFd?: number): boolean;

  /** Ends the connection for both; outstanding receives are flushed. May be called twice. */
  disconnect(): void;
  /** Disconnects, detaches every buffer that was handed out, and lets the memory go. May be called twice. */
  close(): void;
}

/** What one end of a connection is made of. */
export interface ConnectionOptions {
  /** Bytes of this end's arena, all zero at first. */
  arenaBytes: number;
  /** Receives that may be posted at once. @default {256} */
  receiveDepth?: number;
  /** Receives posted before the peer learns of the connection, so that its first messages find them. */
  receives?: readonly InitialReceive[];
  /** Signalled requests that may be outstanding, completions not yet polled included. @default {256} */
  sendDepth?: number;
  /** At most {@linkcode MAX_PRIVATE_DATA_BYTES} for the peer to see; a network may fill it up with zeros. */
  privateData?: Uint8Array;
  /** How long a message waits for a receive at the peer before `RNR_RETRY_EXC_ERR`. @default {20} */
  receiverNotReadyMs?: number;
  /** How long the handshake may take. @default {5000} */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** A receive to be posted while the connection is made; see {@linkcode Connection.postReceive}. */
export interface InitialReceive {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
}

/** What travels with a connection request or its answer: the room rdma_cm leaves for RC, man rdma_connect. */
export const MAX_PRIVATE_DATA_BYTES = 56;

/** Somebody who wants to connect. Accept or reject it; it is dropped when it waited longer than its peer. */
export interface ConnectionRequest {
  readonly privateData: Uint8Array;
  /** The process that asks, by its number here, where the kernel tells: in shared memory. */
  readonly peerProcess?: number;
  accept(options: ConnectionOptions): Promise<Connection>;
  /** Refuses; the peer's `connect` throws with this private data. */
  reject(privateData?: Uint8Array): void;
}

/** A place where connections arrive. */
export interface Listener extends Disposable {
  /** The address to connect to, complete. */
  readonly address: string;
  /** The next request, or `undefined` once the listener is closed. */
  accept(options?: { signal?: AbortSignal }): Promise<ConnectionRequest | undefined>;
  close(): void;
}

/** An implementation of the fabric, opened for one thread. */
export interface Provider extends Disposable, AsyncDisposable {
  /** `shm` or `verbs`; what its addresses begin with. */
  readonly name: string;
  /** Listens at an address; without one, at a fresh address of this host. */
  listen(address?: string): Promise<Listener>;
  connect(address: string, options: ConnectionOptions): Promise<Connection>;
  /** Gives everything back. Connections and listeners must be closed before. May be called twice. */
  close(): void;
  /** Fulfilled once everything has been given back after {@linkcode Provider.close}; `await using` waits for it. */
  readonly closed: Promise<void>;
}
