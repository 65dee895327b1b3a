/** The events of rdma_cm for one thread: taken from its channel, handed to whom they concern. */

import type { Poller } from "../../ffi/poller.ts";
import type { CmId, Context, EventChannel } from "../../ffi/verbs/handles.ts";
import { PS } from "../../ffi/verbs/constants.ts";
import { takeCmEvent, type TakenCmEvent } from "../../ffi/verbs/events.ts";
import { check, eventChannelFd, makeNonBlocking } from "../../ffi/verbs/objects.ts";
import type { Verbs } from "../../ffi/verbs/open_verbs.ts";
import { Device } from "./device.ts";

/** Who wants to hear of an id's events. */
export type CmHandler = (event: TakenCmEvent) => void;

interface Listed {
  readonly address: bigint;
  readonly handler: CmHandler;
}

export class ConnectionManager {
  /** Readable when an event waits. */
  readonly fd: number;
  readonly verbs: Verbs;
  readonly #poller: Poller;
  readonly #channel: EventChannel;
  // A list and not a Map: a worker comes by here after foreign code was loaded, which may replace Map's methods.
  #listed: readonly Listed[] = [];
  readonly #devices = new Map<bigint, Device>();
  #holds = 0;
  #running = false;
  #open = true;

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
  }

  /** A new id of reliable connections; its events go to `handler` until {@linkcode ConnectionManager.destroy}. */
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

  /** Sends the events of an id that came with a request to `handler`. */
  adopt(id: CmId, handler: CmHandler): void {
    const address = this.verbs.memory.addressOf(id);
    this.#listed = [...this.#listed.filter((listed) => listed.address !== address), {
      address,
      handler,
    }];
  }

  /** What this thread knows of a device. */
  device(context: Context): Device {
    const address = this.verbs.memory.addressOf(context);
    const known = this.#devices.get(address) ?? new Device(this.verbs, context);
    this.#devices.set(address, known);
    return known;
  }

  /** Gives an id up. Its queue pair must be destroyed before. */
  destroy(id: CmId): void {
    const address = this.verbs.memory.addressOf(id);
    const left: Listed[] = [];
    for (let i = 0; i < this.#listed.length; i++) {
      if (this.#listed[i]!.address !== address) left[left.length] = this.#listed[i]!;
    }
    this.#listed = left;
    this.verbs.rdma.rdma_destroy_id(id);
  }

  /** Takes the events on the event loop until {@linkcode ConnectionManager.unhold}, which keeps the process alive. */
  hold(): void {
    this.#holds++;
    if (!this.#running) this.#run();
  }

  unhold(): void {
    if (--this.#holds === 0) this.#poller.release(this.fd);
  }

  /** Takes all events that wait (a system call when there is none). */
  drain(): void {
    while (this.#open) {
      const event = takeCmEvent(this.verbs, this.#channel);
      if (event === undefined) return;
      const about = event.name === "CONNECT_REQUEST" ? event.listenAddress : event.idAddress;
      let known = false;
      for (let i = 0; i < this.#listed.length; i++) {
        const listed = this.#listed[i]!;
        if (listed.address !== about) continue;
        known = true;
        listed.handler(event);
        break;
      }
      // A request to a listener that has just closed: its id is nobody's.
      if (!known && event.name === "CONNECT_REQUEST") this.verbs.rdma.rdma_destroy_id(event.id);
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#poller.release(this.fd);
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
