/** One end of a connection through shared memory. */

import { FabricError } from "../errors.ts";
import {
  type Completion,
  type Connection,
  type ConnectionState,
  type MemoryRegion,
  SIGNALED,
} from "../fabric.ts";
import { checkAtomic, checkLocal, checkMessage } from "../ranges.ts";
import { Opcode, Status } from "../status.ts";
import { Arenas } from "./arenas.ts";
import type { Inbox } from "./inbox.ts";
import type { EndMemory } from "./memory.ts";
import { Outbox } from "./outbox.ts";
import { RegionTable } from "./regions.ts";
import { SendCompletions } from "./send_completions.ts";
import type { Doorbell, Heard } from "./doorbell.ts";

/** How a connection came to be, from the handshake. */
export interface ShmEnds {
  readonly mine: EndMemory;
  readonly theirs: EndMemory;
  /** Over this end's control block; the first receives are posted already. */
  readonly inbox: Inbox;
  readonly doorbell: Doorbell;
  readonly privateData: Uint8Array;
  readonly sendDepth: number;
  readonly receiverNotReadyMs: number;
  /** Messages taken to have been sent to the peer; 0 outside tests. */
  readonly sentSequence: number;
}

export class ShmConnection implements Connection {
  readonly privateData: Uint8Array;
  readonly completion: Completion = { id: 0, status: 0, opcode: 0, byteLength: 0, immediate: 0 };
  readonly arenaBytes: number;
  #state: ConnectionState = "connected";
  #reason = "";
  /** Waits that are under way. */
  #sleepers = 0;
  readonly #mine: EndMemory;
  readonly #theirs: EndMemory;
  readonly #doorbell: Doorbell;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #sent: SendCompletions;
  readonly #regions: RegionTable;
  readonly #arenas: Arenas;

  constructor(ends: ShmEnds) {
    const { mine, theirs } = ends;
    this.privateData = ends.privateData;
    this.arenaBytes = mine.arenaBytes;
    this.#mine = mine;
    this.#theirs = theirs;
    this.#doorbell = ends.doorbell;
    const theirControl = theirs.control.buffer(0, theirs.control.length);
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

  share(remoteAddress: number, length: number, rkey: number): ArrayBuffer | undefined {
    this.#checkConnected("share memory");
    return this.#arenas.share(remoteAddress, length, rkey);
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
      this.#inbox.publish(); // those that found room count
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

  notify(length: number, immediate: number): void {
    if (this.#state !== "connected") this.#checkConnected("post a request");
    if (!this.#outbox.reserve()) return this.#failUnreceived(0, Opcode.WRITE);
    this.#outbox.publish(Opcode.RECEIVE_WRITE_IMMEDIATE, length, immediate);
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
      return this.poll(); // what it said before it left comes first
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
      const events = await this.#doorbell.wait(options);
      return this.#woken(this.#doorbell.heard(events)) || this.#mayPoll();
    } finally {
      this.#disarm();
    }
  }

  waitSync(timeoutMs: number, stopFd = -1): boolean {
    if (this.#arm()) return true;
    const rung = this.#doorbell.waitSync(timeoutMs, stopFd);
    this.#disarm();
    return this.#woken(rung) || this.#mayPoll();
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

  /** Says that this end will sleep; true if it must not, because there is something to look at. */
  #arm(): boolean {
    if (this.#state !== "connected") return true;
    if (this.#mayPoll()) return true;
    this.#woken(this.#doorbell.settle());
    this.#inbox.sleeping(1);
    this.#sleepers++;
    if (!this.#mayPoll()) return false;
    this.#disarm();
    return true;
  }

  /** Ends one wait; who still waits beside it goes on to be woken. */
  #disarm(): void {
    this.#sleepers--;
    if (this.#state === "closed") return;
    this.#inbox.sleeping(this.#sleepers > 0 ? 1 : 0);
    if (this.#sleepers > 0 && this.#mayPoll()) this.#doorbell.wakeWaiters();
  }

  #mayPoll(): boolean {
    return this.#state !== "connected" || this.#sent.waiting !== 0 || this.#inbox.ready() ||
      this.#outbox.peerLeft();
  }

  #woken(rung: Heard): boolean {
    if (rung === "gone" && this.#state === "connected" && !this.#outbox.peerLeft()) {
      this.#leave("disconnected", "the peer is gone");
    }
    return rung !== "timeout";
  }

  #leave(state: "disconnected" | "error", reason: string): void {
    if (this.#state !== "connected") return;
    this.#state = state;
    this.#reason = reason;
    this.#inbox.leave();
    this.#outbox.wake(true);
    if (this.#sleepers > 0) this.#doorbell.wakeWaiters();
  }

  /** In shared memory a request is done when it was posted. */
  #complete(id: number, opcode: number, status: number, flags: number): void {
    if (status !== Status.SUCCESS) this.#fail(id, opcode, status);
    else if ((flags & SIGNALED) !== 0) this.#sent.push(id, opcode, status);
  }

  /** Completes a request with an error, which ends the connection. */
  #fail(id: number, opcode: number, status: number): void {
    this.#sent.push(id, opcode, status);
    this.#leave("error", "a request failed");
  }

  /** No receive came for a message: the peer is slow, or it is no more. */
  #failUnreceived(id: number, opcode: number): void {
    this.#fail(
      id,
      opcode,
      this.#outbox.peerGone() ? Status.RETRY_EXC_ERR : Status.RNR_RETRY_EXC_ERR,
    );
  }

  #checkPost(flags: number): void {
    if (this.#state !== "connected") this.#checkConnected("post a request");
    if ((flags & SIGNALED) !== 0 && this.#sent.full) {
      throw new FabricError(
        `Cannot post a request: ${this.#sent.depth} completions have not been polled`,
        "full",
      );
    }
  }

  #checkConnected(what: string): void {
    if (this.#state !== "connected") {
      throw new FabricError(
        `Cannot ${what}: the connection is ${this.#state} (${this.#reason})`,
        "state",
      );
    }
  }
}
