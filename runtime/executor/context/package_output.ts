/** What a package writes to standard output and standard error becomes lines of the lease's log. */

import { MAX_LOG_CHARACTERS } from "../../policy.ts";
import type { LogLevel } from "../../control/log_relay.ts";
import type { LogGate } from "./log_gate.ts";

// Bound before foreign code loads.
const call = Function.prototype.call;
const decode: (
  decoder: TextDecoder,
  bytes: Uint8Array | undefined,
  options: TextDecodeOptions,
) => string = call.bind(TextDecoder.prototype.decode);
const indexOf: (text: string, part: string, from: number) => number = call.bind(
  String.prototype.indexOf,
);
const slice: (text: string, from: number, to: number) => string = call.bind(String.prototype.slice);
const byteLengthOf: (bytes: unknown) => number = call.bind(
  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "byteLength")!.get!,
);
const Writable = WritableStream;
const Wait = Promise;
const turn = setTimeout;

const MORE: TextDecodeOptions = Object.assign(Object.create(null), { stream: true });

/**
 * Replaces the ways to write to both. `process.stdout` of Node.js uses them as well.
 *
 * @param gate limits and sends the lines. Left out: the package writes to those of its process.
 */
export function replaceOutput(gate: LogGate | undefined): void {
  if (gate === undefined) return;
  replaceStream(Deno.stdout, gate, "info");
  replaceStream(Deno.stderr, gate, "error");
}

function replaceStream(stream: typeof Deno.stdout, gate: LogGate, level: LogLevel): void {
  const decoder = new TextDecoder();
  /** The line that has not ended yet. */
  let rest = "";
  let flushing = false;
  const flush = () => {
    flushing = false;
    if (rest !== "") gate.log(rest, level);
    rest = "";
  };
  const writeSync = (bytes: Uint8Array): number => {
    const length = byteLengthOf(bytes); // throws for anything else
    const text = rest + decode(decoder, bytes, MORE);
    let from = 0;
    for (let end; (end = indexOf(text, "\n", from)) >= 0; from = end + 1) {
      gate.log(slice(text, from, end), level);
    }
    rest = slice(text, from, text.length);
    if (rest.length > MAX_LOG_CHARACTERS) flush();
    // A prompt or a progress bar has no end of line.
    if (rest !== "" && !flushing) {
      flushing = true;
      turn(flush, 0);
    }
    return length;
  };
  const write = (bytes: Uint8Array) => new Wait<number>((resolve) => resolve(writeSync(bytes)));
  const fixed = { configurable: true };
  Object.defineProperties(stream, {
    writeSync: { ...fixed, value: writeSync },
    write: { ...fixed, value: write },
    writable: {
      ...fixed,
      get: () => new Writable<Uint8Array<ArrayBuffer>>({ write: (bytes) => void writeSync(bytes) }),
    },
  });
}
