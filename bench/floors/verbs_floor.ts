/** The bare ping-pong over an RDMA device between two processes, as a contender. */

import type { Connection, Provider } from "../../fabric/fabric.ts";
import { openVerbs } from "../../fabric/verbs/provider.ts";
import type { Contender } from "../contender.ts";
import { PING_PONG_OPTIONS, PingPong } from "./ping_pong.ts";

export class VerbsFloor implements Contender {
  readonly path = "raw write with immediate";
  readonly #fabric: Provider;
  readonly #connection: Connection;
  readonly #pingPong: PingPong;
  readonly #peer: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #cycles: () => number;

  private constructor(
    fabric: Provider,
    connection: Connection,
    pingPong: PingPong,
    peer: Deno.ChildProcess,
    cycles: () => number,
  ) {
    this.#fabric = fabric;
    this.#connection = connection;
    this.#pingPong = pingPong;
    this.#peer = peer;
    this.#stdin = peer.stdin.getWriter();
    this.#cycles = cycles;
  }

  static async open(cycles: () => number): Promise<VerbsFloor> {
    const fabric = openVerbs();
    const listener = await fabric.listen();
    const peer = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--allow-all",
        "--quiet",
        new URL("./ping_pong_peer.ts", import.meta.url).href,
        listener.address,
      ],
      stdin: "piped",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    const request = await listener.accept({ signal: AbortSignal.timeout(30_000) });
    const connection = await request!.accept(PING_PONG_OPTIONS);
    listener.close();
    const pingPong = await PingPong.begin(connection);
    return new VerbsFloor(fabric, connection, pingPong, peer, cycles);
  }

  async measure(payload: Uint8Array<ArrayBuffer>, times: Float64Array): Promise<void> {
    const { length } = payload;
    await this.#stdin.write(new TextEncoder().encode(`${times.length}`));
    let before = this.#cycles();
    for (let i = 0; i < times.length; i++) {
      this.#pingPong.send(length, length);
      if (this.#pingPong.receive() !== length) {
        throw new Error("Cannot measure the ping-pong: a reply of another length");
      }
      const now = this.#cycles();
      times[i] = now - before;
      before = now;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#peer.status;
    this.#connection.close();
    this.#fabric.close();
    await this.#fabric.closed;
  }
}
