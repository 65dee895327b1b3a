/** One end of a connection through shared memory. */

import { completionsNotPolled, notConnected } from "../connection_errors.ts";
import {
  type Completion,
  type Connection,
  type ConnectionState,
  type MemoryRegion,
  type SharedMemory,
  SIGNALED,
} from "../fabric.ts";
import { atomicsExchange, atomicsStore } from "../../ffi/intrinsics.ts";
import { ORDERED_STORES } from "../../ffi/memory_order.ts";
import { checkAtomic, checkLocal, checkMessage } from "../ranges.ts";
import { Opcode, Status } from "../status.ts";
import { Arenas } from "./arenas.ts";
import type { CoreMoves } from "./core_moves.ts";
import type { Inbox } from "./inbox.ts";
import { sharesCore } from "./lone_core.ts";
import type { EndMemory } from "./memory.ts";
import { Outbox } from "./outbox.ts";
import { PeerCore } from "./peer_core.ts";
import { RegionTable } from "./regions.ts";
import { SendCompletions } from "./send_completions.ts";
import type { Doorbell, WakeReason } from "./doorbell.ts";

/** What the handshake leaves for a connection. */
export interface ShmEnds {
  readonly moves: CoreMoves;
  readonly mine: EndMemory;
  readonly theirs: EndMemory;
  /** Over this end's control block; the initial receives are posted already. */
  readonly inbox: Inbox;
  readonly doorbell: Doorbell;
  readonly privateData: Uint8Array;
  readonly sendDepth: number;
  readonly receiverNotReadyMs: number;
  /** The number from which messages to the peer are counted; 0 outside tests. */
  readonly sentSequence: number;
}

/**
 * One end of a connection between processes of one host.
 *
 * This end carries out a request when it is posted, by copying between the two mapped arenas. So requests complete at
 * once, and only receives wait for the peer.
 */
export class ShmConnection implements Connection, SharedMemory {
  readonly privateData: Uint8Array;
  readonly completion: Completion = { id: 0, status: 0, opcode: 0, byteLength: 0, immediate: 0 };
  readonly arenaBytes: number;
  readonly shared: SharedMemory = this;
  readonly sharesCore: boolean;
  #state: ConnectionState = "connected";
  #reason = "";
  /** Whether the peer has changed memory that this end watches. */
  #arrived = () => false;
  /** Waits in progress. */
  #sleepers = 0;
  readonly #mine: EndMemory;
  readonly #theirs: EndMemory;
  readonly #doorbell: Doorbell;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #sent: SendCompletions;
  readonly #regions: RegionTable;
  readonly #arenas: Arenas;
  readonly #core: PeerCore;
  /** A word of this thread alone: an atomic exchange of it is a fence. */
  readonly #fence = new Int32Array(1);

  constructor(ends: ShmEnds) {
    const { mine, theirs } = ends;
    this.privateData = ends.privateData;
    this.arenaBytes = mine.arenaBytes;
    this.#mine = mine;
    this.#theirs = theirs;
    this.#doorbell = ends.doorbell;
    const theirControl = theirs.control.buffer(0, theirs.control.length);
    this.sharesCore = sharesCore(mine.control, theirs.control);
    this.#inbox = ends.inbox;
    this.#outbox = new Outbox(
      theirControl,
      theirs.entries,
      ends.sentSequence,
      ends.doorbell,
      ends.receiverNotReadyMs,
    );
    this.#sent = new SendCompletions(ends.sendDepth);
    this.#regions = new RegionTable(mine.control.buffer(0, mine.control.length), mine.arenaBytes);
    this.#arenas = new Arenas(mine, theirs, theirControl);
    this.#core = new PeerCore(ends.moves, mine.control, theirs.control);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  buffer(offset: number, length: number): ArrayBuffer {
    checkLocal(this.arenaBytes, offset, length);
    return this.#mine.arena.buffer(offset, length);
  }

  register(offset: number, length: number, access: number): MemoryRegion {
    this.#checkConnected("register memory");
    return this.#regions.register(offset, length, access);
  }

  peerBuffer(remoteAddress: number, length: number, rkey: number): ArrayBuffer {
    this.#checkConnected("share memory");
    return this.#arenas.peerBuffer(remoteAddress, length, rkey);
  }

  postReceive(id: number, offset: number, length: number): void {
    checkMessage(this.arenaBytes, offset, length);
    this.#checkConnected("post a receive");
    this.#inbox.post(id, offset, length);
    this.#inbox.publish();
  }

  postReceives(count: number): void {
    this.#checkConnected("post receives");
    try {
      this.#inbox.postEmpty(count);
    } finally {
      this.#inbox.publish(); // those that fit are posted
    }
  }

  send(id: number, offset: number, length: number, flags: number): void {
    checkMessage(this.arenaBytes, offset, length);
    this.#checkPost(flags);
    if (!this.#outbox.reserve()) return this.#failUnreceived(id, Opcode.SEND);
    if (length > this.#outbox.receiveLength) {
      this.#outbox.publish(Opcode.RECEIVE | (Status.LOC_LEN_ERR << 16), 0, 0);
      return this.#fail(id, Opcode.SEND, Status.REM_INV_REQ_ERR);
    }
    const status = this.#arenas.deliver(offset, length, this.#outbox.receiveOffset);
    if (status === Status.SUCCESS) this.#outbox.publish(Opcode.RECEIVE, length, 0);
    this.#complete(id, Opcode.SEND, status, flags);
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
    this.#complete(
      id,
      Opcode.WRITE,
      this.#arenas.write(offset, length, remoteAddress, rkey),
      flags,
    );
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
    this.#checkPost(flags);
    if (length !== 0) {
      checkMessage(this.arenaBytes, offset, length);
      const status = this.#arenas.write(offset, length, remoteAddress, rkey);
      if (status !== Status.SUCCESS) return this.#fail(id, Opcode.WRITE, status);
    }
    if (!this.#outbox.reserve()) return this.#failUnreceived(id, Opcode.WRITE);
    this.#outbox.publish(Opcode.RECEIVE_WRITE_IMMEDIATE, length, immediate);
    if ((flags & SIGNALED) !== 0) this.#sent.push(id, Opcode.WRITE, Status.SUCCESS);
  }

  wake(): void {
    if (this.#state !== "connected") throw notConnected(this, "wake the peer");
    this.#outbox.wakeSleeper();
  }

  signal(words: Int32Array, at: number, value: number): void {
    // The peer polls the word, marks itself asleep, and looks again. Only a fence between this store and the load of that
    // mark excludes that each end misses the other's. It takes 8 ns, so it is left to settle().
    if (ORDERED_STORES) words[at] = value;
    else atomicsStore(words, at, value);
    this.wake();
  }

  settle(): void {
    if (this.#state !== "connected") return;
    atomicsExchange(this.#fence, 0, 0);
    this.#outbox.wakeSleeper();
  }

  publishCore(): void {
    if (this.#state === "connected") this.#core.publish();
  }

  leaveCore(): boolean {
    return this.#state === "connected" && this.#core.leave();
  }

  watch(arrived: () => boolean): void {
    this.#arrived = arrived;
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
    this.#complete(id, Opcode.READ, this.#arenas.read(offset, length, remoteAddress, rkey), flags);
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
    const status = this.#arenas.fetchAndAdd(offset, remoteAddress, rkey, add);
    this.#complete(id, Opcode.FETCH_AND_ADD, status, flags);
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
    const status = this.#arenas.compareAndSwap(offset, remoteAddress, rkey, compare, swap);
    this.#complete(id, Opcode.COMPARE_AND_SWAP, status, flags);
  }

  poll(): boolean {
    if (this.#sent.waiting !== 0) return this.#sent.take(this.completion);
    if (this.#state === "closed") return false;
    const taken = this.#inbox.take(this.completion);
    if (taken) {
      if (this.completion.status !== Status.SUCCESS) {
        this.#leave(
          "error",
          this.completion.status === Status.FATAL_ERR
            ? "the ring is corrupt"
            : "a message was too long",
        );
      }
      return true;
    }
    if (this.#state === "connected") {
      if (!this.#outbox.peerLeft()) return false;
      this.#leave("disconnected", "the peer disconnected");
      return this.poll(); // its last messages come before the flushed receives
    }
    return this.#inbox.takeFlushed(this.completion);
  }

  probe(): boolean {
    if (this.#state !== "connected") return false;
    if (this.#outbox.peerLeft()) this.#leave("disconnected", "the peer disconnected");
    else if (this.#doorbell.peerGone()) this.#leave("disconnected", "the peer is gone");
    return this.#state === "connected";
  }

  async wait(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<boolean> {
    if (this.#arm()) return true;
    try {
      let events = await this.#doorbell.wait(options);
      if (events === 0 && !this.#mayPoll()) events = await this.#doorbell.rest(options);
      return this.#woken(this.#doorbell.reasonOf(events)) || this.#mayPoll();
    } finally {
      this.#disarm();
    }
  }

  waitSync(timeoutMs: number, stopFd = -1): boolean {
    if (this.#arm()) return true;
    let why = this.#doorbell.waitSync(timeoutMs, stopFd);
    if (why === "timeout" && !this.#mayPoll()) why = this.#doorbell.restSync(timeoutMs, stopFd);
    this.#disarm();
    return this.#woken(why) || this.#mayPoll();
  }

  isPeerGone(): boolean {
    return this.#state !== "closed" && this.#doorbell.peerGone();
  }

  disconnect(): void {
    if (this.#state === "connected") this.#leave("disconnected", "disconnected by this side");
  }

  close(): void {
    if (this.#state === "closed") return;
    this.disconnect();
    this.#state = "closed";
    this.#doorbell.close();
    for (const end of [this.#mine, this.#theirs]) {
      end.arena.close();
      end.control.close();
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Announces that this end will sleep; true if it must not, because there is something to poll. */
  #arm(): boolean {
    if (this.#state !== "connected") return true;
    if (this.#mayPoll()) return true;
    this.#woken(this.#doorbell.clear());
    this.#inbox.sleeping(1);
    this.#sleepers++;
    if (!this.#mayPoll()) return false;
    this.#disarm();
    return true;
  }

  /** Ends one wait; the other waits of this end remain armed. */
  #disarm(): void {
    this.#sleepers--;
    if (this.#state === "closed") return;
    this.#inbox.sleeping(this.#sleepers > 0 ? 1 : 0);
    if (this.#sleepers > 0 && this.#mayPoll()) this.#doorbell.wakeWaiters();
  }

  #mayPoll(): boolean {
    return this.#state !== "connected" || this.#sent.waiting !== 0 || this.#inbox.ready() ||
      this.#outbox.peerLeft() || this.#arrived();
  }

  #woken(reason: WakeReason): boolean {
    if (reason === "gone" && this.#state === "connected" && !this.#outbox.peerLeft()) {
      this.#leave("disconnected", "the peer is gone");
    }
    return reason !== "timeout";
  }

  #leave(state: "disconnected" | "error", reason: string): void {
    if (this.#state !== "connected") return;
    this.#state = state;
    this.#reason = reason;
    this.#inbox.leave();
    this.#outbox.wake(true);
    if (this.#sleepers > 0) this.#doorbell.wakeWaiters();
  }

  /** Completes a request, which is done once it was posted. */
  #complete(id: number, opcode: number, status: number, flags: number): void {
    if (status !== Status.SUCCESS) this.#fail(id, opcode, status);
    else if ((flags & SIGNALED) !== 0) this.#sent.push(id, opcode, status);
  }

  /** Completes a request with an error, which ends the connection. */
  #fail(id: number, opcode: number, status: number): void {
    this.#sent.push(id, opcode, status);
    this.#leave("error", "a request failed");
  }

  /** Fails a message that met no receive: the peer is slow, or gone. */
  #failUnreceived(id: number, opcode: number): void {
    this.#fail(
      id,
      opcode,
      this.#outbox.peerGone() ? Status.RETRY_EXC_ERR : Status.RNR_RETRY_EXC_ERR,
    );
  }

  #checkPost(flags: number): void {
    if (this.#state !== "connected") throw notConnected(this, "post a request");
    if ((flags & SIGNALED) !== 0 && this.#sent.full) throw completionsNotPolled(this.#sent.depth);
  }

  #checkConnected(what: string): void {
    if (this.#state !== "connected") throw notConnected(this, what);
  }
}
