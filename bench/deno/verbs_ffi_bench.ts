/**
 * The cost of Deno's FFI in a post and a poll: calls through the stubs into functions of two or three instructions.
 * `deno bench -A bench/deno/verbs_ffi_bench.ts`; at most 10 ns each, without a device, on x86-64.
 */

import { openLibc } from "../../ffi/libc.ts";
import { completionsAt, refusedRequestAt, sendRequestAt } from "../../ffi/verbs/memory_pointer.ts";
import { openFakeContext, SCRATCH_OFFSET } from "../../tests/support/functions/fake_context.ts";

const { c, inline, memory, object } = openFakeContext(openLibc());
const { post_send, poll_cq, req_notify_cq } = inline;
const place = (offset: number) => ({ memory, offset: SCRATCH_OFFSET + offset });
const [request, refused] = [sendRequestAt(c, place(64)), refusedRequestAt(c, place(0))];
const completions = completionsAt(c, place(512), 16);

/** Calls per iteration, which make the cost of reading the clock negligible. */
const CALLS = 1000;

Deno.bench(`post_send, ${CALLS} calls`, () => {
  for (let i = 0; i < CALLS; i++) post_send(object, request, refused);
});

Deno.bench(`poll_cq, ${CALLS} calls`, () => {
  for (let i = 0; i < CALLS; i++) poll_cq(object, 16, completions);
});

Deno.bench(`req_notify_cq, ${CALLS} calls`, () => {
  for (let i = 0; i < CALLS; i++) req_notify_cq(object, 0);
});
