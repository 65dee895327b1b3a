/** The verbs objects of one end: protection domain, arena, queues, queue pair. They are made and destroyed in order. */

import type { MappedMemory } from "../../ffi/mapped_memory.ts";
import { ACCESS, QP_MASK, QPS, QPT } from "../../ffi/verbs/constants.ts";
import type {
  CmId,
  CompletionChannel,
  CompletionQueue as CompletionQueueHandle,
  MemoryRegion as RegionHandle,
  ProtectionDomain,
  QueuePair,
} from "../../ffi/verbs/handles.ts";
import { QP_ATTR, QP_INIT_ATTR } from "../../ffi/verbs/layout.ts";
import { explainRegistrationFailure } from "../../ffi/verbs/memory_lock.ts";
import { memoryAt } from "../../ffi/verbs/memory_pointer.ts";
import {
  channelFd,
  check,
  idContext,
  idQueuePair,
  makeNonBlocking,
  memoryRegionKeys,
} from "../../ffi/verbs/objects.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { FabricError } from "../errors.ts";
import type { ConnectionOptions } from "../fabric.ts";
import type { ConnectionManager } from "./connection_manager.ts";
import type { Device } from "./device.ts";
import { UNREPORTED_DEPTH } from "./send_queue.ts";
import { INLINE_BYTES, RECEIVER_NOT_READY_CODE } from "./tuning.ts";
import { mapShared } from "./work_memory.ts";

/** A range of the arena that is registered with the device. */
export interface Registered {
  readonly lkey: number;
  readonly rkey: number;
  /** Deregisters. May be called twice. */
  release(): void;
}

/** Owns the objects; the connection posts and polls through them. */
export class Endpoint {
  readonly verbs: Verbs;
  readonly cm: ConnectionManager;
  readonly id: CmId;
  readonly arena: MappedMemory;
  /** The key of the arena for this end's own requests. */
  readonly lkey: number;
  readonly completionQueue: CompletionQueueHandle;
  readonly channel: CompletionChannel;
  /** A descriptor that is readable while an armed completion queue has a completion. */
  readonly fd: number;
  readonly queuePair: QueuePair;
  /** The most bytes of a message that a request itself may carry. */
  readonly maxInlineBytes: number;
  readonly device: Device;
  readonly #pd: ProtectionDomain;
  #regions: RegionHandle[] = [];
  /** Destructors, called from the last to the first: the queue pair goes before the memory that it may touch. */
  readonly #undo: (() => void)[] = [];

  /**
   * Makes the objects. The caller keeps the id. On failure the objects made so far are destroyed.
   *
   * @throws {FabricError} code `range` when the device has no queues of these depths; `unavailable` when it refuses.
   */
  constructor(cm: ConnectionManager, id: CmId, options: ConnectionOptions) {
    const { verbs } = cm;
    const { libc, ibv } = verbs;
    this.verbs = verbs;
    this.cm = cm;
    this.id = id;
    const { receiveDepth = 256, sendDepth = 256, arenaBytes } = options;
    try {
      const context = check(libc, idContext(verbs.memory, id), "find the device of a connection");
      this.device = cm.device(context);
      const sends = sendDepth + UNREPORTED_DEPTH;
      this.device.checkQueues(sends, receiveDepth);
      this.#pd = check(libc, ibv.ibv_alloc_pd(context), "make a protection domain");
      this.#undo.push(() => ibv.ibv_dealloc_pd(this.#pd));
      this.arena = mapShared(libc, "rfaas-arena", arenaBytes);
      this.#undo.push(() => this.arena.close());
      this.#undo.push(() => this.#releaseAll());
      this.lkey = this.register(0, arenaBytes, ACCESS.LOCAL_WRITE).lkey;
      this.channel = check(libc, ibv.ibv_create_comp_channel(context), "make a completion channel");
      this.#undo.push(() => ibv.ibv_destroy_comp_channel(this.channel));
      this.fd = channelFd(verbs.memory, this.channel);
      makeNonBlocking(libc, this.fd);
      const entries = sends + receiveDepth; // the most that can be outstanding, so it cannot overrun
      this.completionQueue = check(
        libc,
        ibv.ibv_create_cq(context, entries, null, this.channel, 0),
        `make a completion queue of ${entries}`,
      );
      this.#undo.push(() => ibv.ibv_destroy_cq(this.completionQueue));
      this.maxInlineBytes = this.#makeQueuePair(sends, receiveDepth);
      this.queuePair = check(libc, idQueuePair(verbs.memory, id), "find the queue pair");
    } catch (error) {
      this.close();
      if (error instanceof FabricError) throw error;
      throw new FabricError((error as Error).message, "unavailable", { cause: error });
    }
  }

  /**
   * Registers a range of the arena, in bytes.
   *
   * @throws {FabricError} code `unavailable` when the device refuses, such as by the limit of locked memory.
   */
  register(offset: number, length: number, access: number): Registered {
    const { ibv, libc, memory } = this.verbs;
    const at = memoryAt(memory, { memory: this.arena, offset }, length);
    const handle = ibv.ibv_reg_mr(this.#pd, at, BigInt(length), access);
    if (handle === null) {
      const cause = explainRegistrationFailure(libc.errno(), length, this.verbs.lockLimit);
      throw new FabricError(cause.message, "unavailable", { cause });
    }
    const regions = this.#regions;
    regions[regions.length] = handle;
    return {
      ...memoryRegionKeys(memory, handle),
      release: () => {
        const left: RegionHandle[] = [];
        for (let i = 0; i < this.#regions.length; i++) {
          if (this.#regions[i] === handle) ibv.ibv_dereg_mr(handle);
          else left[left.length] = this.#regions[i]!;
        }
        this.#regions = left;
      },
    };
  }

  /**
   * Sets how long the peer waits before it resends a message that met no receive. The queue pair must be connected.
   *
   * @throws {FabricError} code `unavailable` when the device refuses.
   */
  setReceiverNotReadyTimer(): void {
    const attributes = new Uint8Array(QP_ATTR.bytes);
    const view = new DataView(attributes.buffer);
    view.setUint32(QP_ATTR.qp_state, QPS.RTS, true);
    view.setUint8(QP_ATTR.min_rnr_timer, RECEIVER_NOT_READY_CODE);
    const mask = QP_MASK.STATE | QP_MASK.MIN_RNR_TIMER;
    const errno = this.verbs.ibv.ibv_modify_qp(this.queuePair, attributes, mask);
    if (errno !== 0) {
      throw new FabricError(`Cannot modify the queue pair: error ${errno}`, "unavailable");
    }
  }

  /** Whether the queue pair is in error. A system call. */
  failed(): boolean {
    const [attributes, initial] = [new Words(QP_ATTR.bytes / 4), new Words(QP_INIT_ATTR.bytes / 4)];
    const errno = this.verbs.ibv.ibv_query_qp(
      this.queuePair,
      attributes,
      QP_MASK.STATE,
      initial,
    );
    return errno === 0 && attributes[QP_ATTR.qp_state / 4] === QPS.ERR;
  }

  /** Destroys the queue pair, then the memory: no device touches it any more. The id stays. May be called twice. */
  close(): void {
    for (let i = this.#undo.length - 1; i >= 0; i--) this.#undo[i]!();
    this.#undo.length = 0;
  }

  #releaseAll(): void {
    for (let i = 0; i < this.#regions.length; i++) {
      this.verbs.ibv.ibv_dereg_mr(this.#regions[i]!);
    }
    this.#regions = [];
  }

  #makeQueuePair(sends: number, receives: number): number {
    const { rdma, libc, memory } = this.verbs;
    for (const inlineBytes of INLINE_BYTES) {
      const attributes = new Uint8Array(QP_INIT_ATTR.bytes);
      const view = new DataView(attributes.buffer);
      const queue = memory.addressOf(this.completionQueue);
      view.setBigUint64(QP_INIT_ATTR.send_cq, queue, true);
      view.setBigUint64(QP_INIT_ATTR.recv_cq, queue, true);
      view.setUint32(QP_INIT_ATTR.max_send_wr, sends, true);
      view.setUint32(QP_INIT_ATTR.max_recv_wr, receives, true);
      view.setUint32(QP_INIT_ATTR.max_send_sge, 1, true);
      view.setUint32(QP_INIT_ATTR.max_recv_sge, 1, true);
      view.setUint32(QP_INIT_ATTR.max_inline_data, inlineBytes, true);
      view.setUint32(QP_INIT_ATTR.qp_type, QPT.RC, true);
      if (rdma.rdma_create_qp(this.id, this.#pd, attributes) === 0) {
        this.#undo.push(() => rdma.rdma_destroy_qp(this.id));
        return view.getUint32(QP_INIT_ATTR.max_inline_data, true);
      }
    }
    throw libc.fail(`make a queue pair for ${sends} sends and ${receives} receives`);
  }
}

// Bound before foreign code is loaded, which may replace the global.
const Words = Uint32Array;
