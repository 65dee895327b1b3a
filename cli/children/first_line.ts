/** The line that a child process prints when it is ready. */

import { TextLineStream } from "@std/streams";

/** Reads the first line of a stream; undefined if the stream is empty. The rest is read and dropped. */
export async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
  const { value } = await reader.read();
  const drain = async () => {
    while (!(await reader.read()).done);
  };
  drain().catch(() => {}); // the pipe breaks when the child is killed
  return value;
}
