/** The events of rdma_cm for one thread: taken from its channel, passed to the handler of their id. */

import type { Poller } from "../../ffi/poller.ts";
import type { CmId, Context, EventChannel } from "../../ffi/verbs/handles.ts";
import { PS } from "../../ffi/verbs/constants.ts";
import { takeCmEvent, type TakenCmEvent } from "../../ffi/verbs/events.ts";
import { check, eventChannelFd, makeNonBlocking } from "../../ffi/verbs/objects.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { Device } from "./device.ts";

/** Handles the events of an id. */
export type CmHandler = (event: TakenCmEvent) => void;

interface Listed {
  readonly address: bigint;
  readonly handler: CmHandler;
}

/** Owns an event channel, and the ids and devices that the thread uses through it. */
export class ConnectionManager {
  /** A descriptor that is readable while an event waits. */
  readonly fd: number;
  readonly verbs: Verbs;
  readonly #poller: Poller;
  readonly #channel: EventChannel;
  // A list, not a Map: a worker uses it after foreign code was loaded, which may replace Map's methods.
  #listed: readonly Listed[] = [];
  readonly #devices = new Map<bigint, Device>();
  #holds = 0;
  #running = false;
  #open = true;

  /** @throws {ErrnoError} when there is no RDMA device. */
  constructor(verbs: Verbs, poller: Poller) {
    this.verbs = verbs;
    this.#poller = poller;
    this.#channel = check(
      verbs.libc,
      verbs.rdma.rdma_create_event_channel(),
      "open the connection manager",
    );
    this.fd = eventChannelFd(verbs.memory, this.#channel);
    makeNonBlocking(verbs.libc, this.fd);
    verbs.libc.holdings?.socket(this.fd); // not a socket, but closed the same way: the kernel disconnects its peers
  }

  /**
   * Makes an id for a reliable connection. Its events go to `handler` until {@linkcode ConnectionManager.destroy}.
   *
   * @throws {ErrnoError} when the kernel refuses.
   */
  create(handler: CmHandler): CmId {
    const { rdma, libc, memory } = this.verbs;
    const out = new BigUint64Array(1);
    if (rdma.rdma_create_id(this.#channel, out, null, PS.TCP) !== 0) {
      throw libc.fail("make a connection");
    }
    const id = memory.pointerTo<CmId>(out[0]!)!;
    this.adopt(id, handler);
    return id;
  }

  /** Passes the events of an id to `handler` from here on. */
  adopt(id: CmId, handler: CmHandler): void {
    const address = this.verbs.memory.addressOf(id);
    this.#listed = [...this.#listed.filter((listed) => listed.address !== address), {
      address,
      handler,
    }];
  }

  /**
   * The device of a context, the same object each time.
   *
   * @throws {FabricError} as the constructor of {@linkcode Device}.
   */
  device(context: Context): Device {
    const address = this.verbs.memory.addressOf(context);
    const device = this.#devices.get(address) ?? new Device(this.verbs, context);
    this.#devices.set(address, device);
    return device;
  }

  /** Destroys an id. Its queue pair must be destroyed before. */
  destroy(id: CmId): void {
    const address = this.verbs.memory.addressOf(id);
    const left: Listed[] = [];
    for (let i = 0; i < this.#listed.length; i++) {
      if (this.#listed[i]!.address !== address) left[left.length] = this.#listed[i]!;
    }
    this.#listed = left;
    this.verbs.rdma.rdma_destroy_id(id);
  }

  /** Handles events on the event loop, which keeps the process alive, until {@linkcode ConnectionManager.unhold}. */
  hold(): void {
    this.#holds++;
    if (!this.#running) this.#run();
  }

  /** Ends one {@linkcode ConnectionManager.hold}. */
  unhold(): void {
    if (--this.#holds === 0) this.#poller.release(this.fd);
  }

  /** Handles all events that wait (one system call when there is none). */
  drain(): void {
    while (this.#open) {
      const event = takeCmEvent(this.verbs, this.#channel);
      if (event === undefined) return;
      const address = event.name === "CONNECT_REQUEST" ? event.listenAddress : event.idAddress;
      let handled = false;
      for (let i = 0; i < this.#listed.length; i++) {
        const listed = this.#listed[i]!;
        if (listed.address !== address) continue;
        handled = true;
        listed.handler(event);
        break;
      }
      // A request to a listener that has just closed: its id has no owner.
      if (!handled && event.name === "CONNECT_REQUEST") this.verbs.rdma.rdma_destroy_id(event.id);
    }
  }

  /** Destroys the channel. All ids must be destroyed before. May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#poller.release(this.fd);
    this.verbs.libc.holdings?.forget(this.fd);
    this.verbs.rdma.rdma_destroy_event_channel(this.#channel);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#holds > 0 && this.#open) {
      await this.#poller.readable(this.fd);
      this.drain();
    }
    this.#running = false;
  }
}
