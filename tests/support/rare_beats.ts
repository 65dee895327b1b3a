/** Between nodes and their resource manager: tells nodes to beat once in ten minutes, and counts their beats. */

const BEAT_MS = 600_000;

export class RareBeats implements AsyncDisposable {
  /** How many heartbeats came by. */
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
        onError: () => new Response(null, { status: 502 }), // who asked has gone, or the manager has
        signal: this.#ending.signal,
      },
      (request) => this.#pass(request),
    );
  }

  /** The address that stands for the resource manager's. */
  for(url: string): string {
    this.#target = url;
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async #pass(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/heartbeat")) this.beats++;
    const { method, headers, signal } = request;
    const body = await request.text();
    const answer = await fetch(this.#target + pathname, {
      method,
      headers,
      signal,
      body: body === "" ? null : body,
    });
    if (pathname !== "/v1/nodes") return answer;
    return Response.json({ ...await answer.json(), heartbeatMs: BEAT_MS });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#server.finished;
  }
}
