/** Opens the verbs, revokes --allow-ffi, and uses them. */

import { openLibc } from "../../../ffi/libc.ts";
import { refusedRequestAt, sendRequestAt } from "../../../ffi/verbs/memory_pointer.ts";
import { openFakeContext, SCRATCH_OFFSET } from "../functions/fake_context.ts";

const fake = openFakeContext(openLibc());
const { c, inline, memory, object } = fake;
const bytes = new Uint8Array(memory.buffer(SCRATCH_OFFSET, 512));
Deno.permissions.revokeSync({ name: "ffi" });

const place = (offset: number) => ({ memory, offset: SCRATCH_OFFSET + offset });
bytes.set(new TextEncoder().encode("rxe0\0"), 256);
console.log(
  inline.post_send(object, sendRequestAt(c, place(64)), refusedRequestAt(c, place(0))),
  inline.req_notify_cq(object, 0),
  c.textAt(c.pointerTo(BigInt(memory.address + SCRATCH_OFFSET + 256))),
);
