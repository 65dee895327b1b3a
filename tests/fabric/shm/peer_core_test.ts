/** When a thread leaves the core of its peer. */

import { assert, assertEquals } from "@std/assert";
import { BusyThreads } from "../../../bench/suites/busy_threads.ts";
import { allowedCores, keepOnCores } from "../../../ffi/affinity.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { CoreMoves } from "../../../fabric/shm/core_moves.ts";
import { CORE_INDEX } from "../../../fabric/shm/layout.ts";
import { closeDescriptors, createEnd } from "../../../fabric/shm/memory.ts";
import { PeerCore } from "../../../fabric/shm/peer_core.ts";
import { until } from "../../support/waiting.ts";

const libc = openLibc();
const all = allowedCores(libc);
const here = () => libc.c.sched_getcpu();
const needsTwo = all.length < 2 ? " (needs two cores)" : "";
/** Threads that run or wait for a core (`man 5 proc_loadavg`). */
const runnable = () => parseInt(Deno.readTextFileSync("/proc/loadavg").split(" ")[3]!);

/** Two control blocks, with this thread's end of a connection. */
function ends() {
  const made = [1, 2].map(() => createEnd(libc, 4096, 16, 0));
  for (const { descriptors } of made) closeDescriptors(libc, descriptors);
  const [mine, theirs] = made.map(({ memory }) => memory.control);
  return {
    core: new PeerCore(new CoreMoves(libc), mine!, theirs!),
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
  name: `a thread leaves the core of its peer, and may return${needsTwo}`,
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

Deno.test({
  name: `a thread leaves the core of its peer though other threads keep each core busy${needsTwo}`,
  ignore: all.length < 2,
  async fn() {
    using _threads = new BusyThreads(all.length);
    await until(() => runnable() > all.length, () => "more threads than cores run");
    using end = ends();
    await until(() => {
      end.theirs[0] = here() + 1; // the kernel may move this thread right after
      return end.core.leave();
    }, () => "the thread has left the core");
  },
});

/** Lets the peers follow a thread for as long as its clock runs, and returns the times of its moves, in milliseconds. */
function movesOf(peers: number, spans: readonly (readonly [fromMs: number, toMs: number])[]) {
  let atMs = 0;
  const moves = new CoreMoves(libc, () => atMs);
  const times: number[] = [];
  let next = 0;
  for (const [fromMs, toMs] of spans) {
    for (atMs = fromMs; atMs <= toMs; atMs++) {
      if (moves.leave(here(), next)) {
        times.push(atMs);
        next = (next + 1) % peers;
      }
    }
  }
  return times;
}

Deno.test({
  name: `a thread whose peer follows it leaves it once in 8 ms at last${needsTwo}`,
  ignore: all.length < 2,
  fn() {
    assertEquals(movesOf(1, [[0, 40]]), [0, 1, 3, 7, 15, 23, 31, 39]);
  },
});

Deno.test({
  name: `a thread that meets another peer on each core moves once in 64 ms at last${needsTwo}`,
  ignore: all.length < 2,
  fn() {
    assertEquals(movesOf(2, [[0, 200]]), [0, 1, 3, 7, 15, 31, 63, 127, 191]);
  },
});

Deno.test({
  name: `a thread that has not moved for four pauses moves at once, and soon again${needsTwo}`,
  ignore: all.length < 2,
  fn() {
    assertEquals(movesOf(1, [[0, 15], [46, 48]]), [0, 1, 3, 7, 15, 46], "31 ms are no calm");
    assertEquals(movesOf(1, [[0, 15], [47, 50]]), [0, 1, 3, 7, 15, 47, 48, 50]);
  },
});
