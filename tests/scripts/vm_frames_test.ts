import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { encodeFrame, type Frame, readFrames } from "../../scripts/vm/frames.ts";

const frames = fc.array(fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  command: fc.integer({ min: 0, max: 0xffffffff }),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => new Uint8Array(bytes)),
}));

Deno.test("`readFrames()` returns the frames of `encodeFrame()`, however the stream is split", async () => {
  await fc.assert(fc.asyncProperty(
    frames,
    fc.integer({ min: 1, max: 64 }),
    async (sent: Frame[], size: number) => {
      const bytes = new Uint8Array(sent.flatMap((frame) => [...encodeFrame(frame)]));
      assertEquals(await Array.fromAsync(readFrames(lineOf(bytes, size))), sent);
    },
  ));
});

Deno.test("`readFrames()` returns no incomplete frame", async () => {
  const bytes = encodeFrame({ kind: 1, command: 2, payload: new Uint8Array(8) });
  assertEquals(await Array.fromAsync(readFrames(lineOf(bytes.slice(0, -1), 5))), []);
});

Deno.test("`readFrames()` refuses an impossible length", async () => {
  const line = lineOf(new Uint8Array(9).fill(0xff), 9);
  await assertRejects(
    () => Array.fromAsync(readFrames(line)),
    RangeError,
    "Cannot read a frame of 4294967295 bytes",
  );
});

function lineOf(
  bytes: Uint8Array<ArrayBuffer>,
  size: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const count = Math.ceil(bytes.length / size);
  return ReadableStream.from(
    Array.from({ length: count }, (_, i) => bytes.slice(i * size, (i + 1) * size)),
  );
}
