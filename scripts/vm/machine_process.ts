/** A command that runs in a machine, with the interface of `Deno.ChildProcess`. */

import { type CommandExit, type Frame, fromPayload, Kind } from "./frames.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Sends a frame about this command. */
export type SendFrame = (kind: number, payload: Bytes) => Promise<void>;

/** A command in a machine. Its output is buffered until it is read. */
export class MachineProcess {
  readonly stdout: ReadableStream<Bytes>;
  readonly stderr: ReadableStream<Bytes>;
  /** Its standard input, if it is piped. Bytes for a command that no longer reads are dropped. */
  readonly stdin: WritableStream<Bytes>;
  /** Settles when it ends; rejects if it cannot be started or the machine ends first. */
  readonly status: Promise<CommandExit>;
  readonly #send: SendFrame;
  readonly #exit = Promise.withResolvers<CommandExit>();
  readonly #outputs = new Map<number, ReadableStreamDefaultController<Bytes>>();

  constructor(send: SendFrame) {
    this.#send = send;
    this.stdout = this.#output(Kind.stdout);
    this.stderr = this.#output(Kind.stderr);
    this.stdin = new WritableStream({
      write: (bytes) => bytes.length > 0 ? send(Kind.stdin, bytes) : Promise.resolve(),
      close: () => send(Kind.stdin, new Uint8Array()),
    });
    this.status = this.#exit.promise;
    // A caller that ignores the status ignores its rejection too.
    this.status.catch(() => {});
  }

  /** Sends a signal to the process group of the command. Has no effect if it has ended. */
  async kill(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    await this.#send(Kind.signal, new TextEncoder().encode(signal)).catch(() => {});
  }

  /** Handles a frame about this command. @returns Whether it is the last one. */
  take({ kind, payload }: Frame): boolean {
    if (kind === Kind.exit) this.#exit.resolve(fromPayload(payload));
    else if (kind === Kind.failed) this.fail(new Error(new TextDecoder().decode(payload)));
    else if (payload.length > 0) this.#outputs.get(kind)?.enqueue(payload);
    else this.#end(kind);
    return kind === Kind.failed || this.#outputs.size === 0;
  }

  /** Ends the command with an error. */
  fail(error: Error): void {
    this.#exit.reject(error);
    for (const kind of [...this.#outputs.keys()]) this.#end(kind);
  }

  #end(kind: number): void {
    this.#outputs.get(kind)?.close();
    this.#outputs.delete(kind);
  }

  #output(kind: number): ReadableStream<Bytes> {
    return new ReadableStream({
      start: (controller) => void this.#outputs.set(kind, controller),
      cancel: () => void this.#outputs.delete(kind),
    });
  }
}
