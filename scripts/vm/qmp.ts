/** Talks to qemu itself, by its QMP (docs/interop/qmp-spec of qemu): lines of JSON over a Unix socket. */

/** How long qemu may take for an answer; it gives one at once. */
const LIMIT_MS = 10_000;

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly event?: string;
}

/** A connection that qemu has made to us. */
export class Qmp {
  readonly #connection: Deno.Conn;
  readonly #lines: ReadableStreamDefaultReader<string>;
  /** One command after the other: the answers come in order. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(connection: Deno.Conn) {
    this.#connection = connection;
    this.#lines = connection.readable
      .pipeThrough(new TextDecoderStream()).pipeThrough(splitLines()).getReader();
  }

  /** Takes the greeting, and asks for the command mode. */
  static async greet(connection: Deno.Conn): Promise<Qmp> {
    const qmp = new Qmp(connection);
    await qmp.#lines.read();
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /**
   * @param command its name in the reference, such as `set_link`.
   * @returns what it returned.
   * @throws {Error} with qemu's words, if it refused, and if it does not answer.
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
    const timer = setTimeout(() => this.close(), LIMIT_MS);
    try {
      const line = JSON.stringify({ execute: command, arguments: args });
      await this.#connection.write(new TextEncoder().encode(line));
      const reply = await this.#reply();
      if (reply.error) throw new Error(reply.error.desc);
      return reply.return;
    } catch (cause) {
      throw new Error(`Cannot let qemu ${command}: ${(cause as Error).message}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Events come in between. */
  async #reply(): Promise<Reply> {
    for (;;) {
      const { done, value } = await this.#lines.read();
      if (done) throw new Error("it has ended");
      const reply: Reply = JSON.parse(value);
      if (reply.event === undefined) return reply;
    }
  }
}

function splitLines(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) controller.enqueue(line);
    },
  });
}
