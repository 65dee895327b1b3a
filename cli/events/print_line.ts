/** Output line by line, which ends with its reader. */

/** How long to wait for a reader that is behind, where the output itself does not wait. */
const FULL_MS = 5;

/**
 * Prints a line on standard output. Where a parent process has made that non-blocking, waits until it is read.
 *
 * @throws {Deno.errors.BrokenPipe} if nothing reads it any more, such as after `| head`. `console.log()` would go on.
 */
export function printLine(
  line: string,
  output: Pick<typeof Deno.stdout, "writeSync"> = Deno.stdout,
): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += output.writeSync(bytes.subarray(at));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MS);
    }
  }
}
