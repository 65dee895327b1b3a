/** A Unix socket that receives datagrams, as systemd has one. */

import { type Libc, openLibc } from "../../ffi/libc.ts";
import { Poller } from "../../ffi/poller.ts";
import { AF_UNIX, unixAddress } from "../../ffi/sockets/unix_address.ts";

const SOCK_DGRAM = 2;

export class DatagramReceiver implements Disposable {
  readonly #libc: Libc = openLibc();
  readonly #poller = new Poller(this.#libc);
  readonly #fd: number;

  /** @param path a file or, after `@`, an abstract name. */
  constructor(path: string) {
    this.#fd = this.#libc.c.socket(AF_UNIX, SOCK_DGRAM, 0);
    const address = unixAddress(path);
    if (this.#libc.c.bind(this.#fd, address, address.length) !== 0) throw this.#libc.fail("bind");
  }

  /** Waits for the next message. @throws {Error} If none arrives in time. */
  async next(timeoutMs: number): Promise<string> {
    if (!await this.#poller.readable(this.#fd, { timeoutMs })) throw new Error("no message came");
    const bytes = new Uint8Array(4096);
    const length = Number(this.#libc.c.recv(this.#fd, bytes, BigInt(bytes.length), 0));
    return new TextDecoder().decode(bytes.subarray(0, length));
  }

  [Symbol.dispose](): void {
    this.#libc.c.close(this.#fd);
    this.#poller.close();
    this.#libc.close();
  }
}
