/** How a thread leaves a core: a stand-in for the kernel has more cores and control groups than a test host. */

import { assert, assertEquals } from "@std/assert";
import { CoreLeaver } from "../../ffi/affinity.ts";
import type { Libc } from "../../ffi/libc.ts";

/** The masks of a thread, as numbers of up to 8 cores. */
class Kernel {
  /** The cores of the thread's control group. */
  group = 0b1111;
  /** The mask that was set last; that of all cores is as none. */
  set = 0xff;
  /** Calls that set a mask: which of them fail, counted from 1. */
  failing: number[] = [];
  sets = 0;

  get effective(): number {
    return this.group & this.set;
  }

  readonly libc = {
    c: {
      sched_getaffinity: (_thread: number, _size: bigint, mask: Uint8Array) => {
        mask.fill(0)[0] = this.effective;
        return 0;
      },
      sched_setaffinity: (_thread: number, _size: bigint, mask: Uint8Array) => {
        if (this.failing.includes(++this.sets) || (mask[0]! & this.group) === 0) return -1;
        this.set = mask[0]!;
        return 0;
      },
    },
  } as unknown as Libc;
}

/** A thread with these masks, whose cores were counted. */
function counted(masks: { group?: number; set?: number } = {}) {
  const kernel = Object.assign(new Kernel(), masks);
  const leaver = new CoreLeaver(kernel.libc);
  leaver.count();
  return { kernel, leaver };
}

Deno.test("a thread that has left a core uses the cores that its control group has later", () => {
  const { kernel, leaver } = counted({ group: 0b0011 });
  assert(leaver.leave(0));
  kernel.group = 0b1111;
  assertEquals(kernel.effective, 0b1111);
});

Deno.test("a thread that has left a core keeps the mask that it had", () => {
  const { kernel, leaver } = counted({ set: 0b0110 });
  assert(leaver.leave(1));
  assertEquals(kernel.set, 0b0110);
});

Deno.test("a core from which a thread stays excluded by a failure is its own again at the next count", () => {
  const { kernel, leaver } = counted({ set: 0b0110 });
  kernel.failing = [2, 3, 4, 5]; // both ways to restore it, twice
  assert(leaver.leave(1));
  assertEquals(kernel.effective, 0b0100);
  assertEquals(leaver.count(), 0, "it cannot be restored yet");
  assertEquals(leaver.count(), 2);
  assertEquals(kernel.effective, 0b0110);
});

Deno.test("a thread stays where the kernel refuses to exclude the core", () => {
  const { kernel, leaver } = counted();
  kernel.failing = [1];
  assert(!leaver.leave(1));
  assertEquals([kernel.sets, kernel.effective], [1, 0b1111]);
});
