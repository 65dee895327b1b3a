/** Mapped memory and its buffers. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ErrnoError } from "../../ffi/errno.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { MappedMemory, PAGE_BYTES, wholePages } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import { countMappings } from "../support/descriptors.ts";

/** Runs with `length` bytes of shared memory and releases them. */
function withMemory(length: number, run: (libc: Libc, fd: number) => void): void {
  const libc = openLibc();
  const fd = createSharedMemory(libc, "rfaas-test", length, { folder: "" });
  try {
    run(libc, fd);
  } finally {
    libc.c.close(fd);
    libc.close();
  }
}

Deno.test("`wholePages()` rounds up", () => {
  assertEquals([1, PAGE_BYTES, PAGE_BYTES + 1, 2 ** 33 + 1].map(wholePages), [
    PAGE_BYTES,
    PAGE_BYTES,
    2 * PAGE_BYTES,
    2 ** 33 + PAGE_BYTES,
  ]);
});

Deno.test("`MappedMemory.buffer()` shows exactly its range, and two mappings show one memory", () => {
  withMemory(8192, (libc, fd) => {
    using one = MappedMemory.map(libc, fd, 8192);
    using two = MappedMemory.map(libc, fd, 8192);
    assert(one.address !== two.address && one.address % PAGE_BYTES === 0);
    new Uint8Array(one.buffer(4096, 16)).fill(7);
    const view = new Uint8Array(two.buffer(4090, 16));
    assertEquals([...view], [...Array(6).fill(0), ...Array(10).fill(7)]);
    assertEquals(view.buffer.byteLength, 16);
    assertEquals(one.buffer(8192, 0).byteLength, 0);
  });
});

Deno.test("`MappedMemory.buffer()` refuses ranges outside the mapping", () => {
  withMemory(4096, (libc, fd) => {
    using memory = MappedMemory.map(libc, fd, 4096);
    const wrong = [[-1, 1], [0, 4097], [4096, 1], [4095, 2], [0, -1], [0.5, 1], [0, 1.5], [NaN, 1]];
    for (const [offset, length] of [...wrong, [2 ** 53, 1], [1, Infinity]]) {
      assertThrows(() => memory.buffer(offset!, length!), RangeError, "are not inside its 4096");
    }
    assertEquals(memory.buffer(4095, 1).byteLength, 1);
  });
});

Deno.test("`MappedMemory.close()` leaves memory mapped of which a buffer was transferred", () => {
  withMemory(4096, (libc, fd) => {
    const memory = MappedMemory.map(libc, fd, 4096);
    const before = countMappings();
    const elsewhere = new Uint8Array(memory.buffer(0, 8).transfer());
    const buffer = memory.buffer(8, 8);
    memory.close();
    assert(buffer.detached);
    assertEquals(countMappings(), before);
    elsewhere[0] = 7; // without the mapping, this would end the process
    assertEquals(elsewhere[0], 7);
    libc.c.munmap(memory.pointer, 4096n);
  });
});

Deno.test("`MappedMemory.close()` detaches all buffers, then unmaps, and may be called twice", () => {
  withMemory(4096, (libc, fd) => {
    const before = countMappings();
    const memory = MappedMemory.map(libc, fd, 4096);
    assertEquals(countMappings(), before + 1);
    const buffers = [memory.buffer(0, 4096), memory.buffer(0, 4096), memory.buffer(8, 0)];
    const view = new Int32Array(buffers[0]!, 8, 4);
    view[0] = 5;
    memory.close();
    memory.close();
    assertEquals(buffers.map(({ detached }) => detached), [true, true, true]);
    assertEquals([view.length, view[0]], [0, undefined]);
    assertThrows(() => Atomics.load(view, 0));
    assertThrows(() => memory.buffer(0, 1), TypeError, "it is closed");
    assertEquals(countMappings(), before);
  });
});

Deno.test("`MappedMemory.map()` refuses wrong lengths and closed descriptors", () => {
  withMemory(4096, (libc, fd) => {
    for (const length of [0, -1, 0.5, NaN, Infinity]) {
      assertThrows(() => MappedMemory.map(libc, fd, length), RangeError, `${length}`);
    }
    const error = assertThrows(() => MappedMemory.map(libc, -1, 4096), ErrnoError) as ErrnoError;
    assertEquals(error.code, "EBADF");
  });
});
