/** A proxy of TCP connections: what a network does to a response that never ends, such as etcd's watch. */

/** More than the first line of a request has. */
const LINE_BYTES = 200;

/** A proxy before one address. */
export class TcpProxy implements AsyncDisposable {
  /** HOST:PORT for clients. */
  readonly address: string;
  /** The most bytes of a response that are passed on at once. */
  pieceBytes = 65_536;
  readonly #listener: Deno.TcpListener;
  readonly #to: Deno.ConnectOptions;
  readonly #connections = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;
  /** The begins of the requests. */
  readonly #requests: string[] = [];
  #stalled: PromiseWithResolvers<void> | undefined;

  /** @param to HOST:PORT of the server. */
  constructor(to: string) {
    const { hostname, port } = new URL(`tcp://${to}`);
    this.#to = { hostname, port: Number(port) };
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.address = `127.0.0.1:${this.#listener.addr.port}`;
    this.#serving = this.#serve();
  }

  /** How many requests had this path. */
  count(path: string): number {
    return this.#requests.filter((line) => line.includes(`${path} HTTP`)).length;
  }

  /** Ends all connections. New ones are accepted. */
  drop(): void {
    for (const each of this.#connections) close(each);
    this.#connections.clear();
  }

  /** Passes no bytes on, until {@linkcode TcpProxy.resume}. */
  stall(): void {
    this.#stalled ??= Promise.withResolvers();
  }

  resume(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.resume();
    this.#listener.close();
    this.drop();
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const served: Promise<void>[] = [];
    for await (const client of this.#listener) served.push(this.#pass(client));
    await Promise.all(served);
  }

  async #pass(client: Deno.Conn): Promise<void> {
    this.#connections.add(client);
    try {
      const server = await Deno.connect(this.#to);
      this.#connections.add(server);
      await Promise.all([this.#pump(client, server, true), this.#pump(server, client, false)]);
    } catch {
      close(client); // the server has ended
    }
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, isRequest: boolean): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
        if (isRequest) {
          this.#requests.push(new TextDecoder().decode(buffer.subarray(0, LINE_BYTES)));
        }
        const step = isRequest ? count : this.pieceBytes;
        for (let at = 0; at < count; at += step) {
          await this.#stalled?.promise;
          await to.write(buffer.subarray(at, Math.min(count, at + step)));
        }
      }
    } catch {
      // one end has closed the connection
    }
    for (const each of [from, to]) close(each);
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // it is closed
  }
}
