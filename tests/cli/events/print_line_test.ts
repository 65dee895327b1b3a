/** Lines on standard output. */
import { assertEquals, assertThrows } from "@std/assert";
import { printLine } from "../../../cli/events/print_line.ts";

/** An output that takes three bytes at a time, and fails before each. */
function outputThat(failsWith: (write: number) => Error | undefined) {
  let text = "";
  let writes = 0;
  const writeSync = (bytes: Uint8Array) => {
    const failure = failsWith(++writes);
    if (failure !== undefined) throw failure;
    text += new TextDecoder().decode(bytes.subarray(0, 3));
    return Math.min(3, bytes.length);
  };
  return { writeSync, text: () => text };
}

Deno.test("`printLine()` loses nothing where standard output is full and does not wait", () => {
  const full = new Deno.errors.WouldBlock("Resource temporarily unavailable");
  const output = outputThat((write) => write % 2 === 1 ? full : undefined);
  printLine("a long line", output);
  assertEquals(output.text(), "a long line\n");
});

Deno.test("`printLine()` fails when nothing reads standard output any more", () => {
  const output = outputThat((write) => write === 2 ? new Deno.errors.BrokenPipe() : undefined);
  assertThrows(() => printLine("a long line", output), Deno.errors.BrokenPipe);
  assertEquals(output.text(), "a l");
});
