/** The output and exit status of programs that ping each other by RDMA, on this host or in virtual machines. */

import { assert } from "@std/assert";

const RPING = new URL("../../../examples/rping/rping.ts", import.meta.url).pathname;
/** The error of our client while the server does not listen yet. */
const REFUSED = /no listener at this address \(refused\)/;

/** The common interface of Deno's child processes and those of machines. */
interface Spawned {
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly status: Promise<{ readonly code: number }>;
  kill(signal: Deno.Signal): unknown;
}

/** A running program, and its output so far. */
export class Program implements AsyncDisposable {
  stdout = "";
  stderr = "";
  /** The exit status; above 128 for a signal. */
  readonly code: Promise<number>;
  readonly #spawned: Spawned;
  #written = Promise.withResolvers<void>();

  /** @param limitMs after how long it is killed. */
  constructor(spawned: Spawned, limitMs: number) {
    this.#spawned = spawned;
    const timer = setTimeout(() => this.kill("SIGKILL"), limitMs);
    this.code = this.#follow().finally(() => clearTimeout(timer));
    this.code.catch(() => {}); // its machine may have ended before this is awaited
  }

  /** Waits until it has printed this text; throws if it ends before. */
  async prints(text: string): Promise<void> {
    while (!this.stdout.includes(text)) {
      const code = await Promise.race([this.#written.promise, this.code]);
      if (code === undefined) continue;
      throw new Error(
        `Cannot find ${JSON.stringify(text)} in the output: ended with ${code}: ${this.stderr}`,
      );
    }
  }

  async kill(signal: Deno.Signal): Promise<void> {
    try {
      await this.#spawned.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
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

/** The command line of our rping, with its only permission. */
export function ourRping(...args: string[]): [string, ...string[]] {
  const flags = ["run", "--quiet", "--no-prompt", "--no-check", "--allow-ffi"];
  return [Deno.execPath(), ...flags, RPING, ...args];
}

/** Restarts our client until the server listens, since rdma-core's server does not report when. */
export async function onceListening(start: () => Program, limitMs: number): Promise<Program> {
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const client = start();
    await client.prints("ping data").catch(() => {}); // it has ended
    if (!REFUSED.test(client.stderr)) return client;
    assert(performance.now() < untilMs, client.stderr);
  }
}

/** The expected output of an end for its pings. */
export function pingLines(prefix: string, rounds: number, bytes: number): string {
  const characters = Array.from({ length: 58 }, (_, i) => String.fromCharCode(65 + i)).join("");
  return Array.from({ length: rounds }, (_, round) => {
    const head = `rdma-ping-${round}: `;
    const rotated = characters.slice(round % 58) + characters.slice(0, round % 58);
    return `${prefix}: ${(head + rotated.repeat(bytes / 58 + 1)).slice(0, bytes - 1)}\n`;
  }).join("");
}
