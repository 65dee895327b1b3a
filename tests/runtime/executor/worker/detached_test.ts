/** Functions that detach the memory of their slot, wherever the payload is. */

import { assertEquals, assertThrows } from "@std/assert";
import { openOneThread } from "../../../../bench/floors/one_thread.ts";
import { FunctionError } from "../../../../mod.ts";
import { INLINE_BYTES } from "../../../../runtime/protocol/line.ts";

const buffers = {
  input: (input: Uint8Array, _output: Uint8Array) => input.buffer as ArrayBuffer,
  output: (_input: Uint8Array, output: Uint8Array) => output.buffer as ArrayBuffer,
};

for (const bytes of [INLINE_BYTES, 200]) {
  for (const [name, bufferOf] of Object.entries(buffers)) {
    Deno.test(`a worker sees that a function has detached its ${name} of ${bytes} bytes`, async () => {
      let offset = -1;
      await using ends = await openOneThread({
        depth: 1,
        maxBytes: 200,
        functions: {
          detach: (input, output) => {
            offset = input.byteOffset + output.byteOffset;
            bufferOf(input, output).transfer();
            return 0;
          },
        },
      });
      const call = ends.prepare("detach", bytes);
      call.start();
      ends.server.serveNext();
      assertEquals(ends.server.broken, "a function detached the buffer of its slot");
      assertEquals(offset, 0, "a payload is at the beginning of its buffer");
      assertThrows(() => call.finish(), FunctionError);
    });
  }
}
