import type { Duplex } from "node:stream";

/** What tells connections apart: the object, or both ends' names where TLS hides the object under another. */
type Key = object | string;

interface Connection {
  readonly socket: Duplex;
  /** Requests that have begun and are not answered; more than one if they were sent ahead. */
  underWay: number;
}

/**
 * The connections of one server, bounded in number. Where there would be one too many, the one that has been idle
 * longest makes room, so that who connects and stays silent keeps out nobody but others of his kind. One with a
 * request under way is never taken.
 */
export class Connections {
  readonly #most: number;
  readonly #all = new Map<Key, Connection>();
  /** Those without a request, the longest idle first. */
  readonly #idle = new Map<Key, Connection>();
  #draining = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** A connection was opened. */
  opened(key: Key, socket: Duplex): void {
    if (this.#draining || (this.#all.size >= this.#most && !this.#makeRoom())) {
      socket.destroy();
      return;
    }
    const connection = { socket, underWay: 0 };
    this.#all.set(key, connection);
    this.#idle.set(key, connection);
    socket.once("close", () => {
      // Its place may have been given to another of the same name.
      if (this.#all.get(key) === connection) this.#forget(key);
    });
  }

  /** A request's head has come; gives what to call when its answer was sent or its connection closed. */
  began(key: Key): () => void {
    const connection = this.#all.get(key);
    if (connection === undefined) return () => {};
    connection.underWay++;
    this.#idle.delete(key);
    return () => {
      if (--connection.underWay > 0 || this.#all.get(key) !== connection) return;
      if (this.#draining) connection.socket.end();
      else this.#idle.set(key, connection);
    };
  }

  /** Is a request of this connection under way? */
  isBusy(key: Key): boolean {
    return (this.#all.get(key)?.underWay ?? 0) > 0;
  }

  /** Closes those that are idle, the others when they are, and takes no more. */
  drain(): void {
    this.#draining = true;
    for (const { socket } of this.#idle.values()) socket.destroy();
  }

  /** Cuts all of them. */
  cut(): void {
    for (const { socket } of this.#all.values()) socket.destroy();
  }

  #makeRoom(): boolean {
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
