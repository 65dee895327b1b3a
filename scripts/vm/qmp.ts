/** A client of QMP, which controls qemu (docs/interop/qmp-spec of qemu): lines of JSON over a Unix socket. */

import { TextLineStream } from "@std/streams";

/** Timeout of a reply. Qemu replies at once. */
const REPLY_TIMEOUT_MS = 10_000;

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
}

/** A connection from qemu. */
export class Qmp {
  readonly #connection: Deno.Conn;
  readonly #lines: ReadableStreamDefaultReader<string>;
  /** Settles when the commands so far are done: they run one at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
    this.#lines = connection.readable
      .pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  }

  /** Reads the greeting and switches to the command mode. */
  static async greet(connection: Deno.Conn): Promise<Qmp> {
    const qmp = new Qmp(connection);
    await qmp.#lines.read();
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /**
   * Executes a command.
   *
   * @param command Its name in the QMP reference, such as `set_link`.
   * @returns Its return value.
   * @throws {Error} If qemu refuses, with its reason, or does not reply.
   */
  execute(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const answer = this.#turn.then(() => this.#execute(command, args));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** May be called twice. */
  close(): void {
    try {
      this.#connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  async #execute(command: string, args: Record<string, unknown>): Promise<unknown> {
    const timer = setTimeout(() => this.close(), REPLY_TIMEOUT_MS);
    try {
      const line = JSON.stringify({ execute: command, arguments: args });
      await this.#connection.write(new TextEncoder().encode(line));
      const reply = await this.#reply();
      if (reply.error) throw new Error(reply.error.desc);
      return reply.return;
    } catch (cause) {
      throw new Error(`Cannot execute ${command} in qemu: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads the reply. Events may arrive before it. */
  async #reply(): Promise<Reply> {
    for (;;) {
      const { done, value } = await this.#lines.read();
      if (done) throw new Error("qemu has ended");
      const reply: Reply = JSON.parse(value);
      if (reply.event === undefined) return reply;
    }
  }
}
