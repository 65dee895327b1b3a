/**
 * A persistent connection with one request at a time, with the minimum of work that HTTP/1.1 allows: `fetch` would use as
 * much of a core as the measured server.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A response: its status, and its body parsed as JSON if there is one. */
export interface LineResponse {
  readonly status: number;
  // deno-lint-ignore no-explicit-any -- a benchmark trusts the manager that it started
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

  /** @throws {Error} If the response is incomplete, or not in the form that node:http writes. */
  async request(
    method: string,
    path: string,
    token: string,
    body?: unknown,
  ): Promise<LineResponse> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const head = `${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n` +
      `authorization: Bearer ${token}\r\ncontent-length: ${text.length}\r\n\r\n`;
    const bytes = encoder.encode(head + text);
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
    let response = "";
    for (let length = 0; length < this.#buffer.length;) {
      const read = await this.#connection.read(this.#buffer.subarray(length));
      if (read === null) break;
      length += read;
      response = decoder.decode(this.#buffer.subarray(0, length));
      const end = response.indexOf("\r\n\r\n");
      if (end < 0) continue;
      const status = Number(response.slice(9, 12));
      const size = Number(/content-length: (\d+)/i.exec(response.slice(0, end))?.[1] ?? 0);
      if (response.length < end + 4 + size) continue;
      return { status, body: size === 0 ? undefined : JSON.parse(response.slice(end + 4)) };
    }
    throw new Error(`Cannot read the response to ${method} ${path}: ${response.slice(0, 100)}`);
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
