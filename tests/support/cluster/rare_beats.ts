/** A proxy between nodes and their resource manager. It sets one heartbeat per ten minutes, and counts heartbeats. */

const BEAT_MS = 600_000;

/** The proxy. */
export class RareBeats implements AsyncDisposable {
  /** The number of heartbeats so far. */
  beats = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ending = new AbortController();
  #target = "";

  constructor() {
    this.#server = Deno.serve(
      {
        hostname: "127.0.0.1",
        port: 0,
        onListen: () => {},
        onError: () => new Response(null, { status: 502 }), // the node or the manager has ended
        signal: this.#ending.signal,
      },
      (request) => this.#pass(request),
    );
  }

  /** The proxy's address for this address of a resource manager. */
  for(url: string): string {
    this.#target = url;
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #pass(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/heartbeat")) this.beats++;
    const { method, headers, signal } = request;
    const body = await request.text();
    const response = await fetch(this.#target + pathname, {
      method,
      headers,
      signal,
      body: body === "" ? null : body,
    });
    if (pathname !== "/v1/nodes") return response;
    return Response.json({ ...await response.json(), heartbeatMs: BEAT_MS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#server.finished;
  }
}
