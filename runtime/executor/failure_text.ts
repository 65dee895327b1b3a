/** What a function threw, as bytes for its caller. Nothing that foreign code could have replaced is trusted here. */

import { ByteView } from "../../ffi/intrinsics.ts";

const call = Function.prototype.call;
const encodeInto: (
  encoder: TextEncoder,
  text: string,
  into: Uint8Array,
) => { written: number } = call.bind(TextEncoder.prototype.encodeInto);
const indexOf: (text: string, part: string) => number = call.bind(String.prototype.indexOf);
const lastIndexOf: (text: string, part: string, from: number) => number = call.bind(
  String.prototype.lastIndexOf,
);
const slice: (text: string, from: number, to: number) => string = call.bind(String.prototype.slice);
const text = String;
const encoder = new TextEncoder();

/** Reads a property of whatever was thrown; a getter may throw itself, or give what is no text. */
function property(thrown: unknown, name: "name" | "message" | "stack"): string {
  try {
    const value = (thrown as Record<string, unknown> | null | undefined)?.[name];
    return typeof value === "string" ? value : value === undefined ? "" : text(value);
  } catch {
    return "";
  }
}

/** The frames of the package; those of the runtime below them are of no use to the caller and show the node's paths. */
function packageFrames(stack: string): string {
  const at = indexOf(stack, import.meta.url); // in the bundled worker: the file of the whole runtime
  const end = at < 0 ? stack.length : lastIndexOf(stack, "\n", at);
  return slice(stack, 0, end < 0 ? 0 : end);
}

/** Writes name, message and stack, parted by zero bytes and cut to fit, from byte `at` on; returns the bytes written. */
export function writeFailure(
  thrown: unknown,
  buffer: ArrayBuffer,
  at: number,
  length: number,
): number {
  let name = property(thrown, "name");
  let message = property(thrown, "message");
  if (name === "" && message === "") {
    name = "thrown";
    try {
      message = text(thrown);
    } catch {
      message = "a value that cannot be shown";
    }
  }
  let written = 0;
  const append = (part: string) => {
    written +=
      encodeInto(encoder, part, new ByteView(buffer, at + written, length - written)).written;
  };
  append(name);
  append("\0");
  append(message);
  append("\0");
  append(packageFrames(property(thrown, "stack")));
  return written;
}
