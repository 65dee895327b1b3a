/**
 * The frames between the host and the agent in the machine. Each belongs to a numbered command.
 *
 * The agent runs without packages, so this module imports none.
 */

/** The kinds of frames. The agent receives the first three and sends the others. */
export const Kind = {
  /** Start a command: JSON, {@link CommandRequest}. */
  start: 1,
  /** Bytes for its standard input; none for its end. */
  stdin: 2,
  /** The name of a signal for its process group. */
  signal: 3,
  /** The agent is ready: JSON, {@link AgentHello}. */
  hello: 4,
  /** Bytes of its standard output; none for its end. */
  stdout: 5,
  /** Bytes of its standard error; none for its end. */
  stderr: 6,
  /** It has ended: JSON, {@link CommandExit}. */
  exit: 7,
  /** It could not be started: the reason. */
  failed: 8,
} as const;

/** A command as the agent starts it. */
export interface CommandRequest {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  /** Its whole environment. */
  readonly env: Record<string, string>;
  readonly stdin: "piped" | "null";
}

/** The end of a command. The code is that of a shell: 128 plus the number of the signal that ended it. */
export interface CommandExit {
  readonly code: number;
  readonly signal: string | null;
}

/** Sent by the agent when it is ready. */
export interface AgentHello {
  readonly kernel: string;
  /** Result of `timeFixedJob()` in the machine. */
  readonly jobMs: number;
}

/** One message. */
export interface Frame {
  readonly kind: number;
  /** The number of the command; 0 for none. */
  readonly command: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** Length of the payload (4), command (4), kind (1). */
const HEADER_BYTES = 9;
/** A larger length means that the two ends are out of step: a pipe delivers 64 KiB at once. */
const MAX_PAYLOAD_BYTES = 1 << 20;

/** Returns the bytes of a frame. */
export function encodeFrame({ kind, command, payload }: Frame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  const header = new DataView(bytes.buffer);
  header.setUint32(0, payload.length);
  header.setUint32(4, command);
  header.setUint8(8, kind);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

/**
 * Reads frames until the stream ends.
 *
 * @throws {RangeError} If a length is impossible.
 */
export async function* readFrames(
  line: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Frame> {
  let rest = new Uint8Array();
  for await (const chunk of line) {
    let bytes = joined(rest, chunk);
    while (bytes.length >= HEADER_BYTES) {
      const header = new DataView(bytes.buffer, bytes.byteOffset);
      const length = header.getUint32(0);
      if (length > MAX_PAYLOAD_BYTES) {
        throw new RangeError(
          `Cannot read a frame of ${length} bytes: at most ${MAX_PAYLOAD_BYTES}`,
        );
      }
      const end = HEADER_BYTES + length;
      if (bytes.length < end) break;
      yield {
        kind: header.getUint8(8),
        command: header.getUint32(4),
        payload: bytes.slice(HEADER_BYTES, end),
      };
      bytes = bytes.subarray(end);
    }
    rest = bytes;
  }
}

function joined(a: Uint8Array<ArrayBuffer>, b: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (a.length === 0) return b;
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}

/** Encodes a value as a payload. */
export function toPayload(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Decodes the value of a payload. */
export function fromPayload<T>(payload: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(payload));
}
