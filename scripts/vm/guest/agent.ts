/**
 * Runs inside the machine: starts commands for the host, to which its standard input and output are connected. When the
 * connection ends, the agent ends, and with it the machine.
 *
 * @module
 */
import { timeFixedJob } from "../fixed_job.ts";
import {
  type CommandExit,
  type CommandRequest,
  encodeFrame,
  type Frame,
  fromPayload,
  Kind,
  readFrames,
  toPayload,
} from "../frames.ts";

const line = Deno.stdout.writable.getWriter();
const running = new Map<number, Deno.ChildProcess>();
const inputs = new Map<number, WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>>();

if (import.meta.main) {
  await send(Kind.hello, 0, toPayload({ kernel: Deno.osRelease(), jobMs: timeFixedJob() }));
  for await (const frame of readFrames(Deno.stdin.readable)) take(frame);
  Deno.exit(0);
}

function take({ kind, command, payload }: Frame): void {
  if (kind === Kind.start) start(command, fromPayload(payload));
  else if (kind === Kind.stdin) feed(command, payload);
  else if (kind === Kind.signal) signal(command, new TextDecoder().decode(payload));
}

function start(command: number, { argv: [name, ...args], cwd, env, stdin }: CommandRequest): void {
  try {
    const child = new Deno.Command(name, {
      args,
      cwd,
      env,
      clearEnv: true,
      // A process group of its own: a signal reaches every process in it.
      detached: true,
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    running.set(command, child);
    if (stdin === "piped") inputs.set(command, child.stdin.getWriter());
    void follow(command, child);
  } catch (error) {
    const reason = `Cannot start ${name} in ${cwd}: ${(error as Error).message}`;
    void send(Kind.failed, command, new TextEncoder().encode(reason));
  }
}

async function follow(command: number, child: Deno.ChildProcess): Promise<void> {
  const output = Promise.all([
    forward(Kind.stdout, command, child.stdout),
    forward(Kind.stderr, command, child.stderr),
  ]);
  const { code, signal } = await child.status;
  running.delete(command);
  inputs.delete(command);
  await send(Kind.exit, command, toPayload({ code, signal } satisfies CommandExit));
  await output;
}

async function forward(
  kind: number,
  command: number,
  output: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  for await (const bytes of output) await send(kind, command, bytes);
  await send(kind, command, new Uint8Array());
}

/** Writes to a command. Bytes for a command that no longer reads are dropped, as in a pipe of a shell. */
function feed(command: number, bytes: Uint8Array<ArrayBuffer>): void {
  const input = inputs.get(command);
  if (!input) return;
  if (bytes.length === 0) inputs.delete(command);
  (bytes.length === 0 ? input.close() : input.write(bytes)).catch(() => {});
}

function signal(command: number, name: string): void {
  const child = running.get(command);
  if (!child) return;
  try {
    Deno.kill(-child.pid, name as Deno.Signal);
  } catch (error) {
    // The command has just ended.
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof TypeError)) throw error;
  }
}

function send(kind: number, command: number, payload: Uint8Array<ArrayBuffer>): Promise<void> {
  return line.write(encodeFrame({ kind, command, payload }));
}
