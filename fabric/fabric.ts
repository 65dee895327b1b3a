/**
 * The contract of every provider: the semantics of a reliable connected (RC) queue pair, with the names of the verbs.
 *
 * Requests of one connection complete in order. A message's bytes are defined only after its completion. A wrong rkey,
 * a range outside the region or a missing access right completes with `REM_ACCESS_ERR`, and the connection enters the
 * state `error`. Memory stays mapped while a request may still touch it.
 *
 * The path of a message allocates nothing: requests take numbers, and {@linkcode Connection.poll} writes each
 * completion into one record per connection.
 *
 * The verbs name an lkey with each local range. A request here names an offset in the connection's own arena instead:
 * an arena is registered as a whole, so its lkey is the provider's.
 */

/** The longest message, in bytes: the largest value of 31 bits; InfiniBand allows one byte more. */
export const MAX_MESSAGE_BYTES = 2 ** 31 - 1;

/** What the peer may do with a region; the values of enum ibv_access_flags. */
export const Access = {
  LOCAL_WRITE: 1,
  REMOTE_WRITE: 2,
  REMOTE_READ: 4,
  REMOTE_ATOMIC: 8,
} as const;

/** The flag of a request that completes with a completion; the value of IBV_SEND_SIGNALED. */
export const SIGNALED = 2;

/** A range of the local arena that the peer may use. */
export interface MemoryRegion {
  /** Its first byte in the arena, in bytes. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  /** The address by which the peer names the first byte: a number exact to 2^53. */
  readonly address: number;
  /** The key that the peer sends with each request. */
  readonly rkey: number;
  /** Revokes the right: later requests with this key end in `REM_ACCESS_ERR`. May be called twice. */
  deregister(): void;
}

/** The last completion that a poll took. One record, overwritten by each successful poll. */
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

/** What a connection offers in addition where both ends map the same memory. */
export interface SharedMemory {
  /**
   * The peer's range itself, to read and write in place. The region needs `REMOTE_WRITE`. The buffer is detached when
   * the connection closes.
   *
   * @throws {FabricError} code `range` when the key, range or right is wrong; `state` when not connected.
   */
  peerBuffer(remoteAddress: number, length: number, rkey: number): ArrayBuffer;
  /**
   * Ends the peer's wait, if it waits, after a store to memory that the peer watches. The store must be atomic.
   *
   * @throws {FabricError} code `state` when not connected.
   */
  wake(): void;
  /**
   * Stores a word that the peer watches, after all earlier stores of this thread, and ends the peer's wait, if it waits.
   * A wait that begins at this very moment may be missed, and ends a millisecond later. The caller should call
   * {@linkcode SharedMemory.settle} as soon as it has nothing else to do, which ends it at once.
   *
   * @throws {FabricError} code `state` when not connected; the word is stored then too.
   */
  signal(words: Int32Array, at: number, value: number): void;
  /** Ends a wait of the peer that earlier signals have missed. */
  settle(): void;
  /**
   * Adds what ends a wait of this end, besides completions: a change of memory that the peer makes without a message. The
   * peer calls {@linkcode SharedMemory.wake} after it.
   *
   * @param arrived Whether there is such a change; it must load atomically.
   */
  watch(arrived: () => boolean): void;
  /**
   * Whether the threads of both ends may run on one core only, the same one, as it was when they connected. Then no end
   * should poll for the other: while it does, the other cannot run.
   */
  readonly sharesCore: boolean;
  /** Publishes the core on which this thread runs, for the peer's {@linkcode SharedMemory.leaveCore}. */
  publishCore(): void;
  /**
   * Moves this thread to another core if the peer was on the same one when it last published its core, and this thread may
   * use another one. While both are on one core, only one of them runs.
   *
   * @returns whether it moved.
   */
  leaveCore(): boolean;
  /** Whether the kernel has closed the peer's end of a connection that is not closed here: its process writes no more. */
  isPeerGone(): boolean;
}

/**
 * A connected queue pair with its completion queue and its arena.
 *
 * Methods that post throw a {@linkcode FabricError} when the request cannot be posted: `range` for a local range
 * outside the arena or a misaligned atomic, `state` when not connected, `full` when a queue is full. A posted request
 * that fails later completes with a status instead. Offsets and lengths are in bytes; ids are integers of 31 bits.
 */
export interface Connection extends Disposable {
  /** The private data that the peer sent when it connected or accepted. */
  readonly privateData: Uint8Array;
  readonly state: ConnectionState;
  /** Why the connection left `connected`, in a few words; empty before. */
  readonly reason: string;
  /** Filled by {@linkcode Connection.poll}. */
  readonly completion: Completion;
  /** Bytes of the local arena. */
  readonly arenaBytes: number;
  /** Access to the peer's memory in place; `undefined` where the ends share none, such as over a network. */
  readonly shared: SharedMemory | undefined;

  /**
   * An ArrayBuffer of its own over a range of the local arena. It is detached when the connection closes.
   *
   * @throws {FabricError} code `range` when the range is not inside the arena.
   */
  buffer(offset: number, length: number): ArrayBuffer;
  /**
   * Lets the peer use a range of the local arena. `access` is a sum of {@linkcode Access} flags. The verbs require
   * LOCAL_WRITE beside a right to change; the provider adds it.
   *
   * @throws {FabricError} code `range` for a wrong or empty range, `state` when not connected, `full` when the arena has
   * the most regions it can have, `unavailable` when the device refuses, such as by the limit of locked memory.
   */
  register(offset: number, length: number, access: number): MemoryRegion;

  /**
   * Lends a range of the arena to one incoming message.
   *
   * @throws {FabricError} code `range`, `state`, or `full` when the receive queue is full.
   */
  postReceive(id: number, offset: number, length: number): void;
  /**
   * Posts `count` receives without memory, for writes with immediate. Their id is 0.
   *
   * @throws {FabricError} code `state`, or `full` when the receive queue cannot hold all; those that fit are posted.
   */
  postReceives(count: number): void;
  /**
   * Sends a range into the receive that the peer posted first. A message longer than the receive ends the connection:
   * `LOC_LEN_ERR` at the peer, `REM_INV_REQ_ERR` here (`REM_OP_ERR` from RDMA devices in software).
   *
   * @throws {FabricError} code `range`, `state` or `full`.
   */
  send(id: number, offset: number, length: number, flags: number): void;
  /**
   * Writes a local range into the peer's region.
   *
   * @throws {FabricError} code `range`, `state` or `full`.
   */
  write(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    flags: number,
  ): void;
  /**
   * Writes like {@linkcode Connection.write}, then completes one receive of the peer with 32 bits. Length 0 touches no
   * memory and needs no key.
   *
   * @throws {FabricError} code `range`, `state` or `full`.
   */
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
   * Reads from the peer's region into the local range.
   *
   * @throws {FabricError} code `range`, `state` or `full`.
   */
  read(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    flags: number,
  ): void;
  /**
   * Adds to 64 bits of the peer's memory; the old value arrives at `offset`. Both places are aligned to 8 bytes.
   *
   * @throws {FabricError} code `range`, `state` or `full`.
   */
  fetchAndAdd(
    id: number,
    offset: number,
    remoteAddress: number,
    rkey: number,
    add: bigint,
    flags: number,
  ): void;
  /**
   * Replaces 64 bits of the peer's memory with `swap` if they equal `compare`; the old value arrives at `offset`. Both
   * places are aligned to 8 bytes.
   *
   * @throws {FabricError} code `range`, `state` or `full`.
   */
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
   * Signaled requests and all receives complete. A failed request completes even if it was not signaled. Once the
   * connection has left `connected`, outstanding requests complete with `WR_FLUSH_ERR`.
   *
   * @throws {FabricError} code `state` when the device's completion queue has failed.
   */
  poll(): boolean;
  /** Checks that the peer is still there, by a system call; true while connected. A spin calls it now and then. */
  probe(): boolean;
  /**
   * Waits on the event loop until a completion may be there or the state has changed.
   *
   * @returns false after `timeoutMs`; without it, never.
   * @throws the signal's reason when it is aborted.
   */
  wait(options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<boolean>;
  /** Waits like {@linkcode Connection.wait} but blocks the thread. A readable `stopFd` ends the wait. */
  waitSync(timeoutMs: number, stopFd?: number): boolean;

  /** Ends the connection for both; outstanding receives are flushed. May be called twice. */
  disconnect(): void;
  /** Disconnects, detaches every buffer that was handed out, and unmaps the memory. May be called twice. */
  close(): void;
}

/** The options of one end of a connection. */
export interface ConnectionOptions {
  /** Bytes of this end's arena, all zero at first. */
  arenaBytes: number;
  /** Receives that may be posted at once. @default {256} */
  receiveDepth?: number;
  /** Receives posted before the peer learns of the connection, so that its first messages find them. */
  receives?: readonly InitialReceive[];
  /** Signaled requests that may be outstanding, completions not yet polled included. @default {256} */
  sendDepth?: number;
  /** At most {@linkcode MAX_PRIVATE_DATA_BYTES} for the peer; a network may pad them with zeros. */
  privateData?: Uint8Array;
  /** How long a message waits for a receive at the peer before `RNR_RETRY_EXC_ERR`. @default {20} */
  receiverNotReadyMs?: number;
  /** How long the handshake may take. @default {5000} */
  timeoutMs?: number;
  /** Cancels the handshake. */
  signal?: AbortSignal;
}

/** A receive that is posted while the connection is made; see {@linkcode Connection.postReceive}. */
export interface InitialReceive {
  readonly id: number;
  readonly offset: number;
  readonly length: number;
}

/** The most private data of a connection request or its answer: what rdma_cm leaves for RC, man rdma_connect. */
export const MAX_PRIVATE_DATA_BYTES = 56;

/** A peer's request to connect. Accept or reject it; it is dropped when its peer gives up waiting. */
export interface ConnectionRequest {
  readonly privateData: Uint8Array;
  /** The process id of the peer on this host, where the kernel reports it: in shared memory. */
  readonly peerProcess?: number;
  /**
   * Accepts.
   *
   * @throws {FabricError} code `range` for wrong options, `state` when answered before, `peer` when the peer has given
   * up, `timeout` when the handshake takes too long, `unavailable` when the device refuses.
   */
  accept(options: ConnectionOptions): Promise<Connection>;
  /**
   * Refuses; the peer's `connect` throws with this private data.
   *
   * @throws {FabricError} code `range` when it is too long, `state` when answered before.
   */
  reject(privateData?: Uint8Array): void;
}

/** An address at which connection requests arrive. */
export interface Listener extends Disposable {
  /** The complete address to connect to. */
  readonly address: string;
  /**
   * Waits for the next request.
   *
   * @returns `undefined` once the listener is closed.
   * @throws the signal's reason when it is aborted.
   */
  accept(options?: { signal?: AbortSignal }): Promise<ConnectionRequest | undefined>;
  /** Drops the requests that wait and ends all calls of `accept`. May be called twice. */
  close(): void;
}

/** An implementation of the fabric, opened for one thread. */
export interface Provider extends Disposable, AsyncDisposable {
  /** `shm` or `verbs`; the prefix of its addresses. */
  readonly name: string;
  /**
   * Listens at an address; without one, at a fresh address of this host.
   *
   * @throws {FabricError} code `address` when it is malformed, taken, or of another host; `unavailable` when no RDMA
   * device has it.
   */
  listen(address?: string): Promise<Listener>;
  /**
   * Connects to a listener.
   *
   * @throws {FabricError} code `range` for wrong options, `address` for a malformed address, `refused` when there is no
   * listener, `rejected` when it refuses, `timeout` after `timeoutMs`, `peer` when the peer does not fit,
   * `unavailable` when the device refuses.
   * @throws the signal's reason when it is aborted.
   */
  connect(address: string, options: ConnectionOptions): Promise<Connection>;
  /** Releases everything. Connections and listeners must be closed before. May be called twice. */
  close(): void;
  /** Fulfilled once {@linkcode Provider.close} has released everything; `await using` waits for it. */
  readonly closed: Promise<void>;
}
