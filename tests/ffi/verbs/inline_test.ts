/** The inline verbs: the instructions, and calls through a context without a device. */

import { assertEquals, assertThrows } from "@std/assert";
import { openLibc } from "../../../ffi/libc.ts";
import type { MemoryWindow } from "../../../ffi/verbs/handles.ts";
import { checkContext, INLINE_NAMES, jumpThroughContext } from "../../../ffi/verbs/inline_verbs.ts";
import { CONTEXT, contextLayout } from "../../../ffi/verbs/layout.ts";
import {
  completionsAt,
  receiveRequestAt,
  refusedRequestAt,
  sendRequestAt,
  windowBindAt,
} from "../../../ffi/verbs/memory_pointer.ts";
import { VerbsUnavailableError } from "../../../ffi/verbs/verbs_unavailable.ts";
import { countDescriptors, countMappings } from "../../support/descriptors.ts";
import {
  type FakeContext,
  openFakeContext,
  SCRATCH_OFFSET,
} from "../../support/functions/fake_context.ts";

Deno.test("`jumpThroughContext()` returns the assembler's code for x86-64", () => {
  // mov rax, [rdi]; jmp [rax + offset]
  const code = (offset: string) => "488b07" + "ffa0" + offset;
  const { post_send, poll_cq } = contextLayout("x86_64");
  assertEquals(jumpThroughContext("x86_64", post_send).toHex(), code("d0000000"));
  assertEquals(jumpThroughContext("x86_64", poll_cq).toHex(), code("60000000"));
});

Deno.test("`jumpThroughContext()` returns the assembler's code for aarch64", () => {
  // ldr x16, [x0]; ldr x16, [x16, #offset]; br x16 — as written by GNU as
  const code = (load: string) => "100040f9" + load + "00021fd6";
  const { post_send, post_recv, poll_cq, req_notify_cq, alloc_mw, bind_mw, dealloc_mw } =
    contextLayout("aarch64");
  const offsets = [post_send, post_recv, poll_cq, req_notify_cq, alloc_mw, bind_mw, dealloc_mw];
  assertEquals(
    offsets.map((offset) => jumpThroughContext("aarch64", offset).toHex()),
    ["106a40f9", "106e40f9", "103240f9", "103640f9", "102240f9", "102640f9", "102a40f9"].map(code),
  );
});

/** Registers a test with the fake context, whose functions are x86-64 code. */
function testFake(name: string, body: (fake: FakeContext) => void): void {
  Deno.test({
    name: `${name} (x86-64)`,
    ignore: Deno.build.arch !== "x86_64",
    fn: () => {
      const libc = openLibc();
      const fake = openFakeContext(libc);
      body(fake);
      fake.close();
      libc.close();
    },
  });
}

testFake("the inline verbs pass every argument and return the result", (fake) => {
  const { c, inline, memory, object, objectAddress } = fake;
  const place = (offset: number) => ({ memory, offset: SCRATCH_OFFSET + offset });
  const bad = new BigUint64Array(memory.buffer(SCRATCH_OFFSET, 8));
  const address = (offset: number) => BigInt(memory.address + SCRATCH_OFFSET + offset);

  assertEquals(
    inline.post_send(object, sendRequestAt(c, place(64)), refusedRequestAt(c, place(0))),
    7,
  );
  assertEquals(bad[0], address(64));
  const receive = receiveRequestAt(c, place(256));
  assertEquals(inline.post_recv(object, receive, refusedRequestAt(c, place(0))), 9);
  assertEquals(bad[0], address(256));

  assertEquals(inline.poll_cq(object, 16, completionsAt(c, place(512), 16)), 16);
  assertEquals(inline.poll_cq(object, -1, completionsAt(c, place(512), 1)), -1);
  assertEquals(new BigUint64Array(memory.buffer(SCRATCH_OFFSET + 512, 8))[0], objectAddress);
  assertEquals([inline.req_notify_cq(object, 0), inline.req_notify_cq(object, 1)], [100, 101]);

  const window = inline.alloc_mw(object, 2)!;
  assertEquals(c.addressOf(window), objectAddress + 2n);
  assertEquals(inline.bind_mw(object, window, windowBindAt(c, place(0))), 0);
  assertEquals(bad[0], objectAddress + 2n);
  assertEquals(inline.dealloc_mw(object as MemoryWindow), 5);
});

testFake("`checkContext()` accepts a valid context and reports memory windows", (fake) => {
  assertEquals(checkContext(fake.c, fake.context), { memoryWindows: true });
  fake.words[CONTEXT.bind_mw / 8] = 0n;
  assertEquals(checkContext(fake.c, fake.context), { memoryWindows: false });
});

testFake("`checkContext()` refuses a context of another ABI, or with a verb missing", (fake) => {
  const refused = (text: string) => {
    const error = assertThrows(
      () => checkContext(fake.c, fake.context),
      VerbsUnavailableError,
      text,
    );
    assertEquals(error.code, "symbol");
  };
  fake.words[CONTEXT.abi_compat / 8] = 0x1234n;
  refused("ABI mark 0x1234");
  fake.words[CONTEXT.abi_compat / 8] = 0xffffffffffffffffn;
  for (const name of INLINE_NAMES.filter((name) => !name.endsWith("_mw"))) {
    const kept = fake.words[CONTEXT[name] / 8]!;
    fake.words[CONTEXT[name] / 8] = 0n;
    refused(`has no ${name};`);
    fake.words[CONTEXT[name] / 8] = kept;
  }
  checkContext(fake.c, fake.context);
});

testFake("pointers into mapped memory stay inside it and are aligned", (fake) => {
  const { c, memory } = fake;
  const end = memory.length;
  assertEquals(
    c.addressOf(sendRequestAt(c, { memory, offset: end - 128 })),
    BigInt(memory.address + end - 128),
  );
  for (const offset of [end - 120, -8, 4, 0.5, NaN, end]) {
    assertThrows(() => sendRequestAt(c, { memory, offset }), RangeError, `${offset}`);
  }
  assertThrows(() => completionsAt(c, { memory, offset: 0 }, 0), RangeError);
  assertThrows(() => completionsAt(c, { memory, offset: 0 }, end / 48 + 1), RangeError);
});

testFake(
  "`CMemory` reads texts and structures, and returns null for address 0",
  ({ c, memory }) => {
    new Uint8Array(memory.buffer(SCRATCH_OFFSET, 6)).set(new TextEncoder().encode("rxe0\0!"));
    const pointer = c.pointerTo(BigInt(memory.address + SCRATCH_OFFSET))!;
    assertEquals([c.textAt(pointer), c.textAt(null)], ["rxe0", ""]);
    assertEquals(c.bytesAt(pointer, 6), new TextEncoder().encode("rxe0\0!"));
    assertEquals(c.pointerTo(0n), null);
  },
);

testFake("`openInlineVerbs()` leaks no descriptor and no mapping", () => {
  const before = [countDescriptors(), countMappings()];
  const libc = openLibc();
  for (let i = 0; i < 3; i++) openFakeContext(libc).close();
  libc.close();
  assertEquals([countDescriptors(), countMappings()], before);
});

Deno.test({
  name: "verbs and memory work after --allow-ffi is revoked (x86-64)",
  ignore: Deno.build.arch !== "x86_64",
  fn: async () => {
    const program = new URL("../../support/fabric/process_revoked_verbs.ts", import.meta.url);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--allow-ffi", "--no-prompt", program.pathname],
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals([code, text(stdout), text(stderr)], [0, "7 100 rxe0\n", ""]);
  },
});
