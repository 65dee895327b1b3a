/** The host's end of the connection to the agent in the machine. */

import {
  type AgentHello,
  type CommandRequest,
  encodeFrame,
  fromPayload,
  Kind,
  readFrames,
  toPayload,
} from "./frames.ts";
import { MachineProcess } from "./machine_process.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Carries any number of commands at the same time. */
export class AgentLine {
  /** The agent's hello; rejects if the connection ends before. */
  readonly hello: Promise<AgentHello>;
  readonly #hello = Promise.withResolvers<AgentHello>();
  readonly #writer: WritableStreamDefaultWriter<Bytes>;
  readonly #commands = new Map<number, MachineProcess>();
  #last = 0;
  #ended: Error | undefined;

  constructor(to: WritableStream<Bytes>) {
    this.#writer = to.getWriter();
    this.#writer.closed.catch(() => {});
    this.hello = this.#hello.promise;
    this.hello.catch(() => {});
  }

  /** Reads frames from the agent until the connection ends. */
  async follow(from: ReadableStream<Bytes>): Promise<void> {
    for await (const frame of readFrames(from)) {
      if (frame.kind === Kind.hello) this.#hello.resolve(fromPayload(frame.payload));
      else if (this.#commands.get(frame.command)?.take(frame)) this.#forget(frame.command);
    }
  }

  /** Starts a command. */
  spawn(request: CommandRequest): MachineProcess {
    if (this.#ended) throw this.#ended;
    const command = ++this.#last;
    const send = (kind: number, payload: Bytes) =>
      this.#writer.write(encodeFrame({ kind, command, payload }));
    const process = new MachineProcess(send);
    this.#commands.set(command, process);
    send(Kind.start, toPayload(request)).catch(() => {});
    return process;
  }

  /** Fails all pending commands and all later ones with this reason. */
  end(reason: Error): void {
    this.#ended ??= reason;
    this.#hello.reject(reason);
    for (const command of this.#commands.values()) command.fail(reason);
    this.#commands.clear();
    this.#writer.abort(reason).catch(() => {});
  }

  /** Removes the command after its exit, which may arrive after the end of its outputs. */
  #forget(command: number): void {
    const process = this.#commands.get(command);
    process?.status.finally(() => this.#commands.delete(command)).catch(() => {});
  }
}
