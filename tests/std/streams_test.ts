/** The ends of lines. */

import { assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";

function linesOf(chunks: readonly string[], allowCR?: boolean): Promise<string[]> {
  const lines = new TextLineStream(allowCR === undefined ? {} : { allowCR });
  return Array.fromAsync(ReadableStream.from(chunks).pipeThrough(lines));
}

Deno.test("TextLineStream splits at LF and CRLF, wherever the chunks end", async () => {
  assertEquals(await linesOf(["a\nb", "c\r", "\n\nd"]), ["a", "bc", "", "d"]);
  assertEquals(await linesOf(["a\n"]), ["a"]);
  assertEquals(await linesOf([]), []);
});

Deno.test("TextLineStream splits at CR where it is allowed", async () => {
  assertEquals(await linesOf(["a\rb\nc"]), ["a\rb", "c"]);
  assertEquals(await linesOf(["a\rb\nc"], true), ["a", "b", "c"]);
});
