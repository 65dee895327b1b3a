/** When a thread leaves the core of its peer. */

import { assert, assertEquals } from "@std/assert";
import { allowedCores, keepOnCores } from "../../../ffi/affinity.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { CORE_INDEX } from "../../../fabric/shm/layout.ts";
import { closeDescriptors, createEnd } from "../../../fabric/shm/memory.ts";
import { PeerCore } from "../../../fabric/shm/peer_core.ts";
import { limitMs } from "../../support/time_factor.ts";

const libc = openLibc();
const all = allowedCores(libc);
const here = () => libc.c.sched_getcpu();

/** Two control blocks, with this thread's end of a connection; `running` replaces the host's number of runnable threads. */
function ends(running: number) {
  const made = [1, 2].map(() => createEnd(libc, 4096, 16, 0));
  for (const { descriptors } of made) closeDescriptors(libc, descriptors);
  const [mine, theirs] = made.map(({ memory }) => memory.control);
  return {
    core: new PeerCore(libc, mine!, theirs!, { count: () => running }),
    mine: new Int32Array(mine!.buffer(4 * CORE_INDEX, 4)),
    theirs: new Int32Array(theirs!.buffer(4 * CORE_INDEX, 4)),
    [Symbol.dispose]() {
      for (const { memory } of made) {
        memory.arena.close();
        memory.control.close();
      }
    },
  };
}

Deno.test("an end publishes the core on which it runs", () => {
  using end = ends(2);
  for (const core of all) {
    keepOnCores(libc, [core]);
    end.core.publish();
    assertEquals(end.mine[0], core + 1);
  }
  keepOnCores(libc, all);
});

Deno.test({
  name: `a thread leaves the core of its peer, and may return${
    all.length < 2 ? " (needs two cores)" : ""
  }`,
  ignore: all.length < 2,
  fn() {
    using end = ends(all.length);
    const before = here();
    end.theirs[0] = before + 1;
    // The kernel may move this thread at any time, though it has no reason to do so.
    assert(end.core.leave() || here() !== before);
    assert(here() !== before);
    assertEquals(allowedCores(libc), all);
  },
});

Deno.test("a thread stays on its core if its peer is on another one, or has not published its own", () => {
  using end = ends(2);
  for (const word of [0, all.length + 7, -1, 2 ** 31 - 1]) {
    end.theirs[0] = word;
    assert(!end.core.leave());
  }
});

Deno.test("a thread stays on the core of its peer if no other one that it may use is idle", () => {
  const stays = (running: number) => {
    using end = ends(running);
    end.theirs[0] = here() + 1;
    assert(!end.core.leave());
  };
  stays(all.length + 1);
  stays(Infinity);
  keepOnCores(libc, all.slice(0, 1));
  try {
    stays(0);
  } finally {
    keepOnCores(libc, all);
  }
});

Deno.test({
  name: `a thread whose peer follows it moves less and less often${
    all.length < 2 ? " (needs two cores)" : ""
  }`,
  ignore: all.length < 2,
  fn() {
    using end = ends(2);
    let moves = 0;
    const sinceMs = performance.now();
    // A thread that was interrupted goes on for longer.
    while (performance.now() - sinceMs < (moves >= 2 ? 200 : limitMs(1000))) {
      end.theirs[0] = here() + 1;
      if (end.core.leave()) moves++;
    }
    assert(moves >= 2 && moves <= 10, `${moves} moves`); // after 1, 2, 4, … 64 ms
  },
});
