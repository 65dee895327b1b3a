/** One end of a connection through an RDMA device. */

import type { Poller } from "../../ffi/poller.ts";
import { WR } from "../../ffi/verbs/constants.ts";
import type { TakenCmEvent } from "../../ffi/verbs/events.ts";
import { completionsNotPolled, notConnected } from "../connection_errors.ts";
import { FabricError } from "../errors.ts";
import {
  Access,
  type Completion,
  type Connection,
  type ConnectionOptions,
  type ConnectionState,
  type MemoryRegion,
  SIGNALED,
} from "../fabric.ts";
import { checkAtomic, checkLocal, checkMessage } from "../ranges.ts";
import { Opcode, Status, statusName } from "../status.ts";
import {
  CompletionQueue,
  WC_BYTES,
  WC_ID,
  WC_ID_HIGH,
  WC_IMMEDIATE,
  WC_OPCODE,
  WC_STATUS,
} from "./completion_queue.ts";
import type { Endpoint } from "./endpoint.ts";
import { KeepAlive } from "./keep_alive.ts";
import { receiverNotReady } from "./receiver_not_ready.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { KEEP_ALIVE, RECEIVE, REPORTED } from "./request_words.ts";
import { SendQueue, swapBytes } from "./send_queue.ts";
import { Sleeper } from "./sleep.ts";
import { FLUSH_MS } from "./tuning.ts";
import { WorkMemory } from "./work_memory.ts";

/** One end of a connection over RDMA: a queue pair, with the requests and completions of both directions. */
export class VerbsConnection implements Connection {
  readonly completion: Completion = { id: 0, status: 0, opcode: 0, byteLength: 0, immediate: 0 };
  readonly arenaBytes: number;
  /** The ends of a network connection share no memory. */
  readonly shared = undefined;
  /** Called when the connection has been closed. */
  onClosed: (() => void) | null = null;
  #privateData: Uint8Array = new Uint8Array(0);
  #state: ConnectionState = "connected";
  #reason = "";
  readonly #endpoint: Endpoint;
  readonly #memory: WorkMemory;
  readonly #sends: SendQueue;
  readonly #receives: ReceiveQueue;
  readonly #completions: CompletionQueue;
  readonly #sleeper: Sleeper;
  readonly #keepAlive: KeepAlive;
  readonly #unwatch: () => void;

  /** Owns the endpoint from here on, whose queue pair is not connected yet. Posts the initial receives. */
  constructor(endpoint: Endpoint, poller: Poller, options: ConnectionOptions) {
    const { arenaBytes, sendDepth = 256, receiveDepth = 256, receives = [] } = options;
    const { verbs, arena } = endpoint;
    this.#endpoint = endpoint;
    this.arenaBytes = arenaBytes;
    this.#memory = new WorkMemory(verbs, endpoint.lkey, RECEIVE);
    this.#sends = new SendQueue(verbs, endpoint.queuePair, this.#memory, {
      depth: sendDepth,
      maxInlineBytes: endpoint.maxInlineBytes,
      arenaAddress: arena.address,
      gather: () => this.#completions.gather(),
    });
    this.#receives = new ReceiveQueue(
      verbs,
      endpoint.queuePair,
      this.#memory,
      arena.address,
      receiveDepth,
    );
    this.#completions = new CompletionQueue(
      verbs,
      endpoint.completionQueue,
      this.#memory,
      (idHigh) => this.#sends.retire(idHigh),
    );
    this.#sleeper = new Sleeper(endpoint, poller, this.#completions, {
      isOver: () => this.#state !== "connected",
      isClosed: () => this.#state === "closed",
      keepAlive: () => this.keepAlive(),
    });
    this.#keepAlive = new KeepAlive(
      endpoint,
      this.#sends,
      this.#completions,
      receiverNotReady(options.receiverNotReadyMs).maxWaitMs,
    );
    this.#unwatch = endpoint.device.watch(
      verbs.memory.addressOf(endpoint.queuePair),
      (reason) => this.#leave("error", reason),
    );
    for (const { id, offset, length } of receives) this.#receives.post(id, offset, length);
  }

  get privateData(): Uint8Array {
    return this.#privateData;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  /**
   * Ends the handshake.
   *
   * @param privateData what the peer sent.
   * @throws {FabricError} code `unavailable` when the device refuses.
   */
  established(privateData: Uint8Array): void {
    this.#privateData = privateData;
    this.#endpoint.setReceiverNotReadyTimer();
  }

  /** The handler of the id's events after the handshake. */
  readonly onEvent = (event: TakenCmEvent): void => {
    if (event.name === "DISCONNECTED") this.#leave("disconnected", "the peer disconnected");
    else if (event.name === "DEVICE_REMOVAL") this.#leave("error", "the RDMA device was removed");
  };

  buffer(offset: number, length: number): ArrayBuffer {
    checkLocal(this.arenaBytes, offset, length);
    return this.#endpoint.arena.buffer(offset, length);
  }

  register(offset: number, length: number, access: number): MemoryRegion {
    this.#checkConnected("register memory");
    checkLocal(this.arenaBytes, offset, length);
    if (length === 0) throw new FabricError("Cannot register memory: its length is 0", "range");
    const changes = (access & (Access.REMOTE_WRITE | Access.REMOTE_ATOMIC)) !== 0;
    const { rkey, release } = this.#endpoint.register(
      offset,
      length,
      changes ? access | Access.LOCAL_WRITE : access,
    );
    const address = this.#endpoint.arena.address + offset;
    return { offset, length, address, rkey, deregister: release };
  }

  postReceive(id: number, offset: number, length: number): void {
    checkMessage(this.arenaBytes, offset, length);
    this.#checkConnected("post a receive");
    this.#receives.post(id, offset, length);
  }

  postReceives(count: number): void {
    this.#checkConnected("post receives");
    this.#receives.postEmpty(count);
  }

  send(id: number, offset: number, length: number, flags: number): void {
    checkMessage(this.arenaBytes, offset, length);
    this.#checkPost(flags);
    this.#sends.post(id, WR.SEND, flags, offset, length, 0, 0, 0);
  }

  write(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    flags: number,
  ): void {
    checkMessage(this.arenaBytes, offset, length);
    this.#checkPost(flags);
    this.#sends.post(id, WR.RDMA_WRITE, flags, offset, length, remoteAddress, rkey, 0);
  }

  writeImmediate(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    immediate: number,
    flags: number,
  ): void {
    if (length !== 0) checkMessage(this.arenaBytes, offset, length);
    this.#checkPost(flags);
    this.#sends.post(
      id,
      WR.RDMA_WRITE_WITH_IMM,
      flags,
      length === 0 ? 0 : offset,
      length,
      remoteAddress,
      rkey,
      immediate,
    );
  }

  read(
    id: number,
    offset: number,
    length: number,
    remoteAddress: number,
    rkey: number,
    flags: number,
  ): void {
    checkMessage(this.arenaBytes, offset, length);
    this.#checkPost(flags);
    this.#sends.post(id, WR.RDMA_READ, flags, offset, length, remoteAddress, rkey, 0);
  }

  fetchAndAdd(
    id: number,
    offset: number,
    remoteAddress: number,
    rkey: number,
    add: bigint,
    flags: number,
  ): void {
    checkAtomic(this.arenaBytes, offset, remoteAddress);
    this.#checkPost(flags);
    const opcode = WR.ATOMIC_FETCH_AND_ADD;
    this.#sends.postAtomic(id, opcode, flags, offset, remoteAddress, rkey, add, 0n);
  }

  compareAndSwap(
    id: number,
    offset: number,
    remoteAddress: number,
    rkey: number,
    compare: bigint,
    swap: bigint,
    flags: number,
  ): void {
    checkAtomic(this.arenaBytes, offset, remoteAddress);
    this.#checkPost(flags);
    const opcode = WR.ATOMIC_CMP_AND_SWP;
    this.#sends.postAtomic(id, opcode, flags, offset, remoteAddress, rkey, compare, swap);
  }

  poll(): boolean {
    if (this.#state === "closed") return false;
    for (;;) {
      const at = this.#completions.take();
      if (at < 0) return false;
      if (this.#decode(at)) return true;
    }
  }

  probe(): boolean {
    if (this.#state !== "connected") return false;
    this.#endpoint.cm.drain();
    this.keepAlive();
    return this.#state === "connected";
  }

  wait(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<boolean> {
    return this.#sleeper.wait(options);
  }

  waitSync(timeoutMs: number, stopFd = -1): boolean {
    return this.#sleeper.waitSync(timeoutMs, stopFd);
  }

  disconnect(): void {
    if (this.#state !== "connected") return;
    this.#sends.flush(FLUSH_MS);
    this.#leave("disconnected", "disconnected by this side");
  }

  close(): void {
    if (this.#state === "closed") return;
    this.disconnect();
    this.#state = "closed";
    this.#unwatch();
    const { cm, id } = this.#endpoint;
    this.#sleeper.wake();
    this.#sleeper.takeEvents();
    this.#endpoint.close();
    this.#memory.close();
    cm.destroy(id);
    this.onClosed?.();
  }

  /** Closes a connection whose handshake failed, without a disconnect. */
  abandon(): void {
    this.#state = "disconnected";
    this.#reason = "the handshake failed";
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Checks that the peer still answers, at most once a second (`KEEP_ALIVE_MS`). A failed check ends the connection: a
   * timer calls this, and an error there would end the process.
   */
  keepAlive(): void {
    if (this.#state !== "connected") return;
    let reason: string;
    try {
      reason = this.#keepAlive.check();
    } catch (error) {
      reason = (error as Error).message;
    }
    if (reason !== "") this.#leave("error", reason);
  }

  /** Copies a completion into the record; false for one that is not reported. */
  #decode(at: number): boolean {
    const { words } = this.#completions;
    const { completion } = this;
    const high = words[at + WC_ID_HIGH]!;
    const status = words[at + WC_STATUS]!;
    completion.id = words[at + WC_ID]! | 0;
    if ((high & RECEIVE) !== 0) {
      this.#receives.polled();
      completion.opcode = words[at + WC_OPCODE]!;
      completion.byteLength = words[at + WC_BYTES]!;
      completion.immediate = swapBytes(words[at + WC_IMMEDIATE]!) | 0;
      completion.status = status;
      if (status !== Status.SUCCESS) this.#receiveFailed(status);
      return true;
    }
    this.#sends.retire(high);
    if ((high & REPORTED) !== 0) this.#sends.polled();
    else if (status === Status.SUCCESS) return false;
    completion.opcode = words[at + WC_OPCODE]!;
    completion.byteLength = 0;
    completion.immediate = 0;
    completion.status = status;
    if (status === Status.SUCCESS) return true;
    if (status === Status.RETRY_EXC_ERR) {
      this.#endpoint.device.takeEvents();
      this.#leave("error", this.#keepAlive.noAnswer);
    } else {
      this.#leave("error", `a request failed with ${statusName(status)}`);
    }
    return (high & KEEP_ALIVE) === 0;
  }

  /** Maps the device's status: `LOC_LEN_ERR` for a message too long, `WR_FLUSH_ERR` for a receive without a message. */
  #receiveFailed(status: number): void {
    const { completion } = this;
    completion.opcode = Opcode.RECEIVE;
    // Linux's software device reports LOC_QP_OP_ERR (the receive itself is valid) or REM_INV_REQ_ERR.
    const tooLong = status === Status.LOC_LEN_ERR || status === Status.LOC_QP_OP_ERR ||
      status === Status.REM_INV_REQ_ERR;
    completion.status = tooLong ? Status.LOC_LEN_ERR : Status.WR_FLUSH_ERR;
    this.#leave("error", tooLong ? "a message was too long" : "the queue pair has failed");
  }

  #leave(state: "disconnected" | "error", reason: string): void {
    if (this.#state !== "connected") return;
    this.#state = state;
    this.#reason = reason;
    // Moves the queue pair to error, which flushes outstanding requests, and notifies the peer.
    this.#endpoint.verbs.rdma.rdma_disconnect(this.#endpoint.id);
    this.#sleeper.wake();
  }

  #checkPost(flags: number): void {
    if (this.#state !== "connected") throw notConnected(this, "post a request");
    if ((flags & SIGNALED) !== 0 && this.#sends.full) throw completionsNotPolled(this.#sends.depth);
  }

  #checkConnected(what: string): void {
    if (this.#state !== "connected") throw notConnected(this, what);
  }
}
