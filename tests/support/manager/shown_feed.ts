/** A stream as of the dashboard with names that a resource manager never accepts. */
import type { EventList } from "../../../runtime/http/event_api.ts";
import type { ShownChange } from "../../../manager/resource/ui/shown_cluster.ts";

/** Names that do something where they are not taken for text. */
export const HOSTILE = [
  `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`,
  `"' onmouseover="window.hacked=1" style="position:fixed`,
  "\u202Egnp.exe\u2066 right to left\u202C",
  "\x1b[31mred\x07\n\0line",
  "${window.hacked=1}{{7*7}}&lt;b&gt;",
  "__proto__",
];

/** Events with these names. */
export const HOSTILE_EVENTS: EventList = {
  nowMs: 1_800_000_000_000,
  events: HOSTILE.flatMap((text, at) => [{
    seq: 2 * at + 1,
    atMs: 1_800_000_000_000,
    event: text,
    role: text,
    by: text,
    nodeName: text,
    node: `${at}`.repeat(32),
    client: text,
    code: text,
    message: text,
  }, {
    seq: 2 * at + 2,
    atMs: 1_800_000_000_000,
    event: "lease-refused",
    role: "client",
    by: text,
    client: text,
    workers: 1,
    requests: 7,
    code: text,
    message: text,
  }]),
  last: "0",
  missed: 0,
};

/** Nodes, leases and waiting requests with these names. */
export const HOSTILE_CHANGE: ShownChange = {
  whole: true,
  nowMs: 1_800_000_000_000,
  totals: {
    nodes: { up: HOSTILE.length, draining: 0, lost: 0 },
    cores: 8,
    allocatedCores: 1,
    computeCores: 0,
    pollCores: 0,
    calls: 0,
    memoryBytes: 1,
    allocatedBytes: 0,
    waitingExecutors: 0,
    pooledStarts: 0,
    coldStarts: 0,
    leases: 1,
    waiting: 1,
    longestWaitMs: 0,
  },
  waiting: HOSTILE.map((reason) => ({
    client: reason,
    workers: 1,
    memoryBytes: 1,
    sinceMs: 0,
    untilMs: 1,
    reason,
  })),
  nodes: HOSTILE.map((name, at) => ({
    node: `${at}`.repeat(32),
    name,
    state: "up",
    cores: 8,
    memoryBytes: 1,
    allocatedCores: 1,
    allocatedBytes: 0,
    sandbox: name,
    epoch: 1,
    drainMs: null,
    lastSeenMs: null,
    executors: null,
    parts: [at + 1, 1, 1, 50, 50, 9],
  })),
  goneNodes: [],
  leases: HOSTILE.map((client, at) => ({
    key: at + 1,
    lease: `${at}`.repeat(32),
    client,
    workers: 1,
    memoryBytes: 1,
    issuedMs: 0,
    start: null,
  })),
  goneLeases: [],
  starts: { boundsMs: [1, 10], minutes: 60, columns: [] },
};

/** How often it is sent. */
const EVERY_MS = 200;

/** A server of the stream, without a resource manager. */
export class ShownFeed implements AsyncDisposable {
  /** What it sends. */
  change = HOSTILE_CHANGE;
  /** The status of the next stream, unless it is 200. */
  status = 200;
  readonly #streams = new Set<() => void>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      () => this.#open(),
    );
  }

  /** Serves the stream on a free port. */
  static start(): ShownFeed {
    return new ShownFeed();
  }

  /** The variables with which a command finds it. */
  get env(): { readonly RFAAS_MANAGER: string; readonly RFAAS_TOKEN: string } {
    return { RFAAS_MANAGER: `http://127.0.0.1:${this.#server.addr.port}`, RFAAS_TOKEN: "x" };
  }

  /** Ends the streams. The next ones get this status. */
  end(status: number): void {
    this.status = status;
    for (const end of [...this.#streams]) end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end(503);
    await this.#server.shutdown();
  }

  #open(): Response {
    const { status } = this;
    if (status !== 200) {
      const error = { code: "refused", message: "Cannot show cluster: the test refuses it" };
      return Response.json({ error }, { status });
    }
    let leave = () => {};
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        const send = () => {
          const text = `data: ${JSON.stringify(this.change)}\n\n`;
          controller.enqueue(new TextEncoder().encode(text));
        };
        const timer = setInterval(send, EVERY_MS);
        const end = () => {
          leave();
          controller.close();
        };
        leave = () => {
          clearInterval(timer);
          this.#streams.delete(end);
        };
        this.#streams.add(end);
        send();
      },
      cancel: () => leave(),
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }
}
