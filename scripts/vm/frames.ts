/** How the host and the agent in the machine talk over one line: frames that belong to numbered commands. */

/** What a frame says. The first three go to the agent, the others come from it. */
export const Kind = {
  /** Start a command: JSON, {@link CommandRequest}. */
  start: 1,
  /** Bytes for its standard input; none: the end. */
  stdin: 2,
  /** The name of a signal for its process group. */
  signal: 3,
  /** The agent is there: JSON, {@link AgentHello}. */
  hello: 4,
  /** Bytes of its standard output; none: the end. */
  stdout: 5,
  /** Bytes of its standard error; none: the end. */
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

/** How a command has ended, as in a shell: 128 and the signal's number if by a signal. */
export interface CommandExit {
  readonly code: number;
  readonly signal: string | null;
}

/** What the agent tells when it is ready. */
export interface AgentHello {
  readonly kernel: string;
  /** Time that the {@link fixedJob} takes in the machine. */
  readonly jobMs: number;
}

/** One message. */
export interface Frame {
  readonly kind: number;
  /** Which command it is about; 0: none. */
  readonly command: number;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** Length of the payload, command, kind. */
const HEADER_BYTES = 9;
/** More means that the two ends have lost step; a pipe brings 64 KiB at once. */
const MOST_BYTES = 1 << 20;

/** @returns the frame as it goes over the line. */
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
 * @returns the frames that arrive, until the line ends.
 * @throws {RangeError} for a length that cannot be.
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
      if (length > MOST_BYTES) {
        throw new RangeError(`Cannot read a frame of ${length} bytes: at most ${MOST_BYTES}`);
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

/** @returns a value as a payload. */
export function toPayload(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** @returns the value of a payload. */
export function fromPayload<T>(payload: Uint8Array): T {
  return JSON.parse(new TextDecoder().decode(payload));
}
