/**
 * One kept connection that asks one question after the other, with as little work as HTTP/1.1 allows: `fetch` would
 * take as much of a core as the server that is measured.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** An answer: its status and its body, read as JSON if there is one. */
export interface LineAnswer {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- a benchmark believes the manager that it has started
  readonly body: any;
}

/** A connection to one server. */
export class HttpLine implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #host: string;
  readonly #buffer = new Uint8Array(64 * 1024);

  private constructor(connection: Deno.TcpConn, host: string) {
    this.#connection = connection;
    this.#host = host;
  }

  static async open(url: string): Promise<HttpLine> {
    const { hostname, port, host } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    return new HttpLine(connection, host);
  }

  /** @throws {Error} if the answer breaks off or is not of the form that Deno's server writes. */
  async ask(method: string, path: string, token: string, body?: unknown): Promise<LineAnswer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n` +
      `authorization: Bearer ${token}\r\ncontent-length: ${text.length}\r\n\r\n`;
    const bytes = encoder.encode(head + text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
    let answer = "";
    for (let length = 0; length < this.#buffer.length;) {
      const read = await this.#connection.read(this.#buffer.subarray(length));
      if (read === null) break;
      length += read;
      answer = decoder.decode(this.#buffer.subarray(0, length));
      const end = answer.indexOf("\r\n\r\n");
      if (end < 0) continue;
      const status = Number(answer.slice(9, 12));
      const size = Number(/content-length: (\d+)/i.exec(answer.slice(0, end))?.[1] ?? 0);
      if (answer.length < end + 4 + size) continue;
      return { status, body: size === 0 ? undefined : JSON.parse(answer.slice(end + 4)) };
    }
    throw new Error(`Cannot read answer to ${method} ${path}: ${answer.slice(0, 100)}`);
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
