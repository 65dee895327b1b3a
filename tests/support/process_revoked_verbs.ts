/** Opens verbs, gives the permission for foreign functions up, and goes on. */

import { openLibc } from "../../ffi/libc.ts";
import { refusedRequestAt, sendRequestAt } from "../../ffi/verbs/memory_pointer.ts";
import { openFakeContext, ROOM } from "./fake_context.ts";

const fake = openFakeContext(openLibc());
const { c, inline, memory, object } = fake;
const room = new Uint8Array(memory.buffer(ROOM, 512));
Deno.permissions.revokeSync({ name: "ffi" });

const place = (offset: number) => ({ memory, offset: ROOM + offset });
room.set(new TextEncoder().encode("rxe0\0"), 256);
console.log(
  inline.post_send(object, sendRequestAt(c, place(64)), refusedRequestAt(c, place(0))),
  inline.req_notify_cq(object, 0),
  c.textAt(c.pointerTo(BigInt(memory.address + ROOM + 256))),
);
