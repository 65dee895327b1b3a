import type { Duplex } from "node:stream";

/** Identifies a connection: its socket, or the address of its peer where TLS hides the socket behind another. */
type Key = object | string;

interface Connection {
  readonly socket: Duplex;
  /** Requests without a complete response. More than one if the client pipelines requests. */
  inFlight: number;
}

/**
 * The connections of one server, bounded in number. Beyond the bound, a new connection replaces the one that has been
 * idle longest, so that silent clients displace each other only. A connection with a request in flight is never
 * replaced.
 */
export class Connections {
  readonly #maxConnections: number;
  readonly #all = new Map<Key, Connection>();
  /** Those without a request, the longest idle first. */
  readonly #idle = new Map<Key, Connection>();
  #draining = false;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  /** Adds a new connection, or closes it if there are too many. */
  opened(key: Key, socket: Duplex): void {
    const isFull = this.#all.size >= this.#maxConnections;
    if (this.#draining || (isFull && !this.#closeLongestIdle())) {
      socket.destroy();
      return;
    }
    const connection = { socket, inFlight: 0 };
    this.#all.set(key, connection);
    this.#idle.set(key, connection);
    socket.once("close", () => {
      // Another connection may have the same key by then.
      if (this.#all.get(key) === connection) this.#forget(key);
    });
  }

  /** Records a request. Returns a function to be called when its response was sent or its connection closed. */
  began(key: Key): () => void {
    const connection = this.#all.get(key);
    if (connection === undefined) return () => {};
    connection.inFlight++;
    this.#idle.delete(key);
    return () => {
      if (--connection.inFlight > 0 || this.#all.get(key) !== connection) return;
      if (this.#draining) connection.socket.end();
      else this.#idle.set(key, connection);
    };
  }

  /** Whether a request of the connection is in flight. */
  isBusy(key: Key): boolean {
    return (this.#all.get(key)?.inFlight ?? 0) > 0;
  }

  /** Closes idle connections now and the others once they are idle. Accepts no more. */
  drain(): void {
    this.#draining = true;
    for (const { socket } of this.#idle.values()) socket.destroy();
  }

  /** Closes all connections at once. */
  cut(): void {
    for (const { socket } of this.#all.values()) socket.destroy();
  }

  #closeLongestIdle(): boolean {
    const [longest] = this.#idle;
    if (longest === undefined) return false;
    const [key, { socket }] = longest;
    this.#forget(key);
    socket.destroy();
    return true;
  }

  #forget(key: Key): void {
    this.#all.delete(key);
    this.#idle.delete(key);
  }
}
