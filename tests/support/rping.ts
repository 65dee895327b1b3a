/** Programs that ping each other by RDMA, here or in machines: what they write, how they end. */

import { assert } from "@std/assert";

const RPING = new URL("../../examples/rping/rping.ts", import.meta.url).pathname;
/** What ours says when the server does not listen yet. */
const NOBODY = /nobody listens there \(refused\)/;

/** What Deno's child processes and those of machines have in common. */
interface Spawned {
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly status: Promise<{ readonly code: number }>;
  kill(signal: Deno.Signal): unknown;
}

/** A program that runs, and what it has written so far. */
export class Program implements AsyncDisposable {
  stdout = "";
  stderr = "";
  /** Its end; above 128 that of a signal. */
  readonly code: Promise<number>;
  readonly #spawned: Spawned;
  #written = Promise.withResolvers<void>();

  /** @param limitMs when it is killed. */
  constructor(spawned: Spawned, limitMs: number) {
    this.#spawned = spawned;
    const timer = setTimeout(() => this.kill("SIGKILL"), limitMs);
    this.code = this.#follow().finally(() => clearTimeout(timer));
    this.code.catch(() => {}); // its machine has ended, unless somebody asks
  }

  /** Waits until it has printed this; fails if it ends before. */
  async prints(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const code = await Promise.race([this.#written.promise, this.code]);
      if (code === undefined) continue;
      throw new Error(`It ended with ${code} and never printed ${text}: ${this.stderr}`);
    }
  }

  async kill(signal: Deno.Signal): Promise<void> {
    try {
      await this.#spawned.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // that is one which has ended by itself
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill("SIGKILL");
    await this.code.catch(() => {});
  }

  async #follow(): Promise<number> {
    const { stdout, stderr, status } = this.#spawned;
    const read = async (stream: typeof stdout, to: "stdout" | "stderr") => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        this[to] += text;
        this.#written.resolve();
        this.#written = Promise.withResolvers();
      }
    };
    await Promise.all([read(stdout, "stdout"), read(stderr, "stderr")]);
    return (await status).code;
  }
}

/** The command line of ours; more permissions than this it has not. */
export function ourRping(...args: string[]): [string, ...string[]] {
  const flags = ["run", "--quiet", "--no-prompt", "--no-check", "--allow-ffi"];
  return [Deno.execPath(), ...flags, RPING, ...args];
}

/** Starts our client, as often as it takes until the server listens: the original does not say when. */
export async function onceListening(start: () => Program, limitMs: number): Promise<Program> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const client = start();
    await client.prints("ping data").catch(() => {}); // it has ended
    if (!NOBODY.test(client.stderr)) return client;
    assert(performance.now() < untilMs, client.stderr);
  }
}

/** What an end prints of its pings, made anew. */
export function pingLines(prefix: string, rounds: number, bytes: number): string {
  const characters = Array.from({ length: 58 }, (_, i) => String.fromCharCode(65 + i)).join("");
  return Array.from({ length: rounds }, (_, round) => {
    const head = `rdma-ping-${round}: `;
    const turned = characters.slice(round % 58) + characters.slice(0, round % 58);
    return `${prefix}: ${(head + turned.repeat(bytes / 58 + 1)).slice(0, bytes - 1)}\n`;
  }).join("");
}
