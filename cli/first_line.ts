/** What a child process says once it is ready. */

/** The first line of a stream, or undefined if it ends before; the rest is read and dropped. */
export async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) return undefined;
    text += value;
  }
  const drain = async () => {
    while (!(await reader.read()).done);
  };
  drain().catch(() => {}); // the pipe breaks when the child is killed
  return text.slice(0, text.indexOf("\n"));
}
