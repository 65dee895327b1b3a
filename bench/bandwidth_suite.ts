/** Bytes a second of large payloads, beside the memory copies that each way of calling needs. */

import { openLibc } from "../ffi/libc.ts";
import { MappedMemory } from "../ffi/mapped_memory.ts";
import { createSharedMemory } from "../ffi/shared_memory.ts";
import { invokeContender, invokeSyncContender } from "./calls.ts";
import type { Contender } from "./contender.ts";
import { alignColumns, type Row } from "./rows.ts";
import type { Bench } from "./suite.ts";
import { takeTurns } from "./turns.ts";
import { withLease } from "./with_lease.ts";

const KIB = 1024;
const SIZES = [64 * KIB, 1024 * KIB, 16 * 1024 * KIB];
const HOT_MS = 20;
const REST_MS = 30;
/** The yardstick: one copy between two shared mappings, within one thread. */
const MEMCPY = "memcpy";

/**
 * Copies of the payload that each needs, and why. In place the function works on the memory that the caller filled, and
 * the caller reads the memory that the function filled.
 */
export const COPIES: Readonly<Record<string, { copies: number; why: string }>> = {
  [MEMCPY]: { copies: 1, why: "the yardstick" },
  "in place": { copies: 0, why: "the argument lies there already, the function changes it there" },
  "argument written": { copies: 1, why: "the caller fills the input; the function needs no copy" },
  "echo": { copies: 1, why: "the function fills the output" },
  "written, echo, read": { copies: 3, why: "and the caller copies the result out" },
  "rfaas invoke": {
    copies: 3,
    why: "the same, done by invoke() itself, which allocates the result",
  },
};

export async function bandwidthSuite(bench: Bench): Promise<void> {
  const { cycles } = bench;
  const restMs = REST_MS;
  const most = SIZES.at(-1)!;
  const options = { workers: 1, depth: 4, maxBytes: most, hotMs: HOT_MS, memory: "1GiB" };
  await withLease(options, async (lease) => {
    await using memcpy = memcpyContender(cycles, most);
    const sync = (path: string, name: string, writes: boolean, reads: boolean) =>
      invokeSyncContender(lease, cycles, { path, name, writes, reads, restMs });
    const contenders = [
      memcpy,
      sync("in place", "touch", false, false),
      sync("argument written", "touch", true, false),
      sync("echo", "echo", false, false),
      sync("written, echo, read", "echo", true, true),
      invokeContender(lease, cycles, restMs),
    ];
    const rows: Row[] = [];
    for (const bytes of SIZES) {
      rows.push(...await takeTurns(bench, { suite: "bandwidth", bytes, contenders }));
    }
    bench.tell(toText(rows));
  }, { memoryBytes: 2 ** 30 });
}

/** A copy by `Uint8Array.set`, which is memcpy inside, from one shared mapping to another. */
function memcpyContender(cycles: () => number, maxBytes: number): Contender {
  const libc = openLibc();
  const map = () => {
    const fd = createSharedMemory(libc, "rfaas-memcpy", maxBytes, {
      folder: `/dev/shm/rfaas-memcpy-${Deno.pid}`,
    });
    const memory = MappedMemory.map(libc, fd, maxBytes);
    libc.c.close(fd);
    return memory;
  };
  const [from, to] = [map(), map()];
  return {
    path: MEMCPY,
    measure({ length }, times) {
      const source = new Uint8Array(from.buffer(0, length));
      const target = new Uint8Array(to.buffer(0, length));
      let before = cycles();
      for (let i = 0; i < times.length; i++) {
        target.set(source);
        const now = cycles();
        times[i] = now - before;
        before = now;
      }
    },
    // deno-lint-ignore require-await -- ends at once
    async [Symbol.asyncDispose]() {
      from.close();
      to.close();
      libc.close();
    },
  };
}

function toText(rows: readonly Row[]): string {
  const lines = [["bytes", "path", "copies", "p50 us", "GB/s", "to its copies", "because"]];
  for (const { path, bytes, p50_us } of rows) {
    const { copies, why } = COPIES[path]!;
    const memcpy = rows.find((row) => row.path === MEMCPY && row.bytes === bytes)?.p50_us ?? NaN;
    lines.push([
      String(bytes),
      path,
      String(copies),
      p50_us.toFixed(1),
      (bytes / p50_us / 1000).toFixed(1),
      copies === 0 ? "-" : (p50_us / copies / memcpy).toFixed(2),
      why,
    ]);
  }
  return "bandwidth: the time of a round trip, divided by that of its copies by memcpy\n" +
    alignColumns(lines, [1, 6]);
}
