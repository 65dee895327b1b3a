/** The sending half of a control channel: an area of the arena is reused only once its message has left. */

import { setBytes } from "../../ffi/intrinsics.ts";
import { type Connection, SIGNALED } from "../../fabric/fabric.ts";

/** Messages that may be in flight; a network reads them from the arena until they have arrived. */
export const SEND_AREAS = 4;
/** Messages that may wait for an area. More of them wait only for a peer that accepts none. */
export const MAX_QUEUED = 256;

/** The location of the areas, and the ids of their work requests. */
export interface SenderLayout {
  /** Where the first area begins in the arena. */
  readonly at: number;
  /** Bytes of each. */
  readonly areaBytes: number;
  /** The id of the work request that sends the first area; the others follow. */
  readonly firstId: number;
}

export class ControlSender {
  readonly #connection: Connection;
  readonly #layout: SenderLayout;
  readonly #areas: Uint8Array[];
  readonly #free = Array.from({ length: SEND_AREAS }, (_, i) => i);
  readonly #queue: Uint8Array[] = [];

  constructor(connection: Connection, layout: SenderLayout) {
    this.#connection = connection;
    this.#layout = layout;
    this.#areas = this.#free.map((i) =>
      new Uint8Array(connection.buffer(layout.at + i * layout.areaBytes, layout.areaBytes))
    );
  }

  /** Messages that wait for an area. */
  get waiting(): number {
    return this.#queue.length;
  }

  /**
   * Sends a message of at most `areaBytes`, now or when an area is free; false if too many wait already.
   *
   * @throws {FabricError} code `state` if the connection has ended.
   */
  send(message: Uint8Array): boolean {
    const area = this.#free.pop();
    if (area === undefined) {
      if (this.#queue.length >= MAX_QUEUED) return false;
      this.#queue.push(message);
      return true;
    }
    setBytes(this.#areas[area]!, message, 0);
    const { at, areaBytes, firstId } = this.#layout;
    this.#connection.send(firstId + area, at + area * areaBytes, message.length, SIGNALED);
    return true;
  }

  /** Whether this is the id of a message that was sent. */
  owns(id: number): boolean {
    const { firstId } = this.#layout;
    return id >= firstId && id < firstId + SEND_AREAS;
  }

  /** A message has left: its area takes the next one. */
  left(id: number): void {
    this.#free.push(id - this.#layout.firstId);
    if (this.#connection.state !== "connected") return;
    const next = this.#queue.shift();
    if (next) this.send(next);
  }
}
