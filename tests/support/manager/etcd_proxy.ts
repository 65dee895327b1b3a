/** A proxy before a member of etcd that loses requests and responses. */

/**
 * What becomes of a request: it arrives, it is lost, or its response is lost. Held, it is lost without a sign, as where a
 * network drops packets.
 */
export type Fate = "pass" | "lose request" | "lose response" | "hold";

/** A proxy of one member. */
export class EtcdProxy implements AsyncDisposable {
  /** HOST:PORT for clients. */
  readonly address: string;
  /** Decides about each request, by its path and the text of its body, and about each message of a watch. */
  fate: (path: string, body: string) => Fate = () => "pass";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #ended = new AbortController();
  /** Requests whose sender may have left meanwhile: the server does not wait for them. */
  readonly #forwarded = new Set<Promise<Response>>();

  /** @param member HOST:PORT of the member. */
  constructor(member: string) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {}, signal: this.#ended.signal },
      (request) => {
        const forwarded = this.#forward(request, member);
        this.#forwarded.add(forwarded);
        return forwarded.finally(() => this.#forwarded.delete(forwarded));
      },
    );
    this.address = `127.0.0.1:${this.#server.addr.port}`;
  }

  /** Loses all requests from now on. */
  cut(): void {
    this.fate = () => "lose request";
  }

  /** Drops all packets from now on. */
  drop(): void {
    this.fate = () => "hold";
  }

  /** Passes all requests from now on. */
  heal(): void {
    this.fate = () => "pass";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#server.finished;
    await Promise.allSettled(this.#forwarded);
  }

  async #forward(request: Request, member: string): Promise<Response> {
    const { pathname } = new URL(request.url);
    const { signal } = this.#ended;
    try {
      const body = await request.text();
      const fate = this.fate(pathname, body);
      if (fate === "lose request") return lost();
      if (fate === "hold") return await held(AbortSignal.any([request.signal, signal]));
      const url = `http://${member}${pathname}`;
      if (pathname.endsWith("/watch")) {
        return await this.#watch(url, body, AbortSignal.any([request.signal, signal]));
      }
      const response = await fetch(url, { method: "POST", body, signal });
      const text = await response.text();
      return fate === "lose response" ? lost() : new Response(text, { status: response.status });
    } catch {
      return lost(); // the member has ended
    }
  }

  async #watch(url: string, body: string, signal: AbortSignal): Promise<Response> {
    const response = await fetch(url, { method: "POST", body, signal });
    const { pathname } = new URL(url);
    const decide = () => this.fate(pathname, body);
    /** Ends without an error, which the server would log: a client takes both for a failure of the member. */
    async function* messages() {
      try {
        for await (const message of response.body!) {
          const fate = decide();
          if (fate === "hold") await held(signal);
          if (fate !== "pass") return;
          yield message;
        }
      } catch {
        // the member has ended, or the client has
      }
    }
    return new Response(ReadableStream.from(messages()), { status: response.status });
  }
}

/** Waits until the sender has left. */
async function held(signal: AbortSignal): Promise<Response> {
  const left = Promise.withResolvers<void>();
  if (signal.aborted) left.resolve();
  signal.addEventListener("abort", () => left.resolve(), { once: true });
  await left.promise;
  return lost();
}

/** A gateway that lost its connection: what a client cannot distinguish from a member that was slow. */
function lost(): Response {
  return new Response(null, { status: 502 });
}
