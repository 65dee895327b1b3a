/** Processes behind `Deno.serve`: how a program would use other cores without rfaas. */

import { setImmediate } from "node:timers";
import { Child } from "../../bench/child.ts";
import type { CallSizes, Way, WayCall, WayFunctions, WayWorker } from "./way.ts";

/** Starts `count` processes. */
export async function openHttp(count: number, functions: WayFunctions): Promise<Way> {
  await using opening = new AsyncDisposableStack();
  const workers: WayWorker[] = [];
  const program = new URL("./http_worker.ts", import.meta.url);
  for (let i = 0; i < count; i++) {
    const { module, maxBytes } = functions;
    const child = opening.use(await Child.deno(program, module.href, String(maxBytes)));
    workers.push({ prepare: (name, sizes) => new HttpCall(child.ready, name, sizes) });
  }
  const opened = opening.move();
  return {
    name: `HTTP, ${count} ${count === 1 ? "process" : "processes"}`,
    kind: "http",
    workers,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

class HttpCall implements WayCall {
  readonly input: Uint8Array<ArrayBuffer>;
  output: Uint8Array<ArrayBuffer> = new Uint8Array();
  readonly #url: URL;
  readonly #resultBytes: number;
  #reply: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(address: string, name: string, { bytes, resultBytes }: CallSizes) {
    this.#url = new URL(name, address);
    this.input = new Uint8Array(bytes);
    this.#resultBytes = resultBytes;
  }

  /** Returns when the request is on its way, so that this thread may compute meanwhile. */
  async start(length: number): Promise<void> {
    this.#reply = this.#fetch(length);
    this.#reply.catch(() => {}); // finish() reports it
    await turnsOfEventLoop();
  }

  async finish(): Promise<number> {
    if (!this.#reply) throw new TypeError(`Cannot finish ${this.#url}: no call was started`);
    this.output = await this.#reply;
    return this.output.length;
  }

  [Symbol.dispose](): void {}

  async #fetch(length: number): Promise<Uint8Array<ArrayBuffer>> {
    const body = this.input.subarray(0, length);
    const response = await fetch(this.#url, { method: "POST", body });
    if (!response.ok) throw new Error(`Cannot call ${this.#url}: ${await response.text()}`);
    const result = new Uint8Array(await response.arrayBuffer());
    if (result.length <= this.#resultBytes) return result;
    throw new Error(
      `Cannot call ${this.#url}: the result has ${result.length} bytes, at most ${this.#resultBytes} fit`,
    );
  }
}

/** Turns of the event loop until a request is on its way. A thread that computes at once would hold it back. */
const TURNS_OF_A_REQUEST = 3;

async function turnsOfEventLoop(): Promise<void> {
  for (let turn = 0; turn < TURNS_OF_A_REQUEST; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
