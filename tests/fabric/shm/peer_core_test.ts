/** When a thread leaves the core of its peer. */

import { assert, assertEquals } from "@std/assert";
import { allowedCores, keepOnCores } from "../../../ffi/affinity.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { CoreMoves } from "../../../fabric/shm/core_moves.ts";
import { CORE_INDEX } from "../../../fabric/shm/layout.ts";
import { closeDescriptors, createEnd } from "../../../fabric/shm/memory.ts";
import { PeerCore } from "../../../fabric/shm/peer_core.ts";
import { limitMs } from "../../support/time_factor.ts";

const libc = openLibc();
const all = allowedCores(libc);
const here = () => libc.c.sched_getcpu();

/** Two control blocks, with this thread's end of a connection. */
function ends(moves = new CoreMoves(libc)) {
  const made = [1, 2].map(() => createEnd(libc, 4096, 16, 0));
  for (const { descriptors } of made) closeDescriptors(libc, descriptors);
  const [mine, theirs] = made.map(({ memory }) => memory.control);
  return {
    core: new PeerCore(moves, mine!, theirs!),
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
  using end = ends();
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
    using end = ends();
    const before = here();
    end.theirs[0] = before + 1;
    // The kernel may move this thread at any time, though it has no reason to do so.
    assert(end.core.leave() || here() !== before);
    assert(here() !== before);
    assertEquals(allowedCores(libc), all);
  },
});

Deno.test("a thread stays on its core if its peer is on another one, or has not published its own", () => {
  using end = ends();
  for (const word of [0, all.length + 7, -1, 2 ** 31 - 1]) {
    end.theirs[0] = word;
    assert(!end.core.leave());
  }
});

Deno.test("a thread stays on the core of its peer if it may use no other one", () => {
  using end = ends();
  keepOnCores(libc, all.slice(0, 1));
  try {
    end.theirs[0] = here() + 1;
    assert(!end.core.leave());
  } finally {
    keepOnCores(libc, all);
  }
});

/** Lets all peers follow this thread for as long as each of their claims can cost, and returns the number of its moves. */
function movesOf(peers: readonly ReturnType<typeof ends>[]): number {
  let moves = 0;
  const sinceMs = performance.now();
  // A thread that was interrupted goes on for longer.
  while (performance.now() - sinceMs < (moves >= 2 ? 200 : limitMs(1000))) {
    for (const { core, theirs } of peers) {
      theirs[0] = here() + 1;
      if (core.leave()) moves++;
    }
  }
  return moves;
}

for (const [peers, longest, most] of [[1, 8, 30], [8, 64, 10]] as const) {
  Deno.test({
    name: `a thread whose ${peers} peers follow it moves once in ${longest} ms at last${
      all.length < 2 ? " (needs two cores)" : ""
    }`,
    ignore: all.length < 2,
    fn() {
      const moves = new CoreMoves(libc);
      using stack = new DisposableStack();
      const made = movesOf(Array.from({ length: peers }, () => stack.use(ends(moves))));
      assert(made >= 2 && made <= most, `${made} moves in 200 ms`); // after 1, 2, 4, … ms
    },
  });
}
