/** Bytes per second of large payloads, compared with the memory copies that each kind of call needs. */

import { openLibc } from "../../ffi/libc.ts";
import { MappedMemory } from "../../ffi/mapped_memory.ts";
import { createSharedMemory } from "../../ffi/shared_memory.ts";
import { invokeContender, invokeSyncContender } from "../calls.ts";
import type { Contender } from "../contender.ts";
import { Floor } from "../floors/floor.ts";
import type { RoundCopies } from "../floors/floor_words.ts";
import { alignColumns } from "../../cli/table.ts";
import type { Row } from "../rows.ts";
import type { Bench } from "./suite.ts";
import { takeTurns } from "../turns.ts";
import { withLease } from "./with_lease.ts";

const KIB = 1024;
const SIZES = [64 * KIB, 1024 * KIB, 16 * 1024 * KIB];
const HOT_MS = 20;
const REST_MS = 30;
/** The first yardstick: a copy between two shared mappings, in one thread. No cache line changes cores. */
const MEMCPY = "memcpy";

/**
 * The second yardstick: the same copies by two bare processes that share memory and exchange one word. Each core must
 * fetch the cache lines that the other wrote. Nothing that makes these copies can be faster.
 */
const BARE = {
  none: { path: "bare, no copy", writes: false, echoes: false, reads: false },
  written: { path: "bare, written", writes: true, echoes: false, reads: false },
  echoed: { path: "bare, echoed", writes: false, echoes: true, reads: false },
  all: { path: "bare, written, echoed, read", writes: true, echoes: true, reads: true },
} as const satisfies Record<string, RoundCopies & { path: string }>;

/** The minimum work of a kind of call. */
interface Needs {
  /** The copies of the payload that it needs, and the reason. */
  readonly copies: number;
  readonly why: string;
  /** The bare processes that make the same copies. */
  readonly bare?: string;
}

/**
 * In place, the function works on the memory that the caller filled, and the caller reads the memory that the function
 * filled.
 */
const NEEDS: Readonly<Record<string, Needs>> = {
  [MEMCPY]: { copies: 1, why: "one thread, both mappings in its caches" },
  [BARE.none.path]: { copies: 0, why: "one word in each direction" },
  [BARE.written.path]: { copies: 1, why: "the other process touches one byte" },
  [BARE.echoed.path]: { copies: 1, why: "made by the other process" },
  [BARE.all.path]: { copies: 3, why: "each core reads what the other wrote" },
  "in place": {
    copies: 0,
    why: "the argument is in place, and the function changes it there",
    bare: BARE.none.path,
  },
  "argument written": {
    copies: 1,
    why: "the caller fills the input",
    bare: BARE.written.path,
  },
  "echo": { copies: 1, why: "the function fills the output", bare: BARE.echoed.path },
  "written, echo, read": {
    copies: 3,
    why: "the caller also copies the result out",
    bare: BARE.all.path,
  },
  "rfaas invoke, with output": {
    copies: 3,
    why: "the same, made by invoke()",
    bare: BARE.all.path,
  },
  "rfaas invoke": {
    copies: 3,
    why: "and the result is a new array, with new memory of the system",
    bare: BARE.all.path,
  },
};

export async function bandwidthSuite(bench: Bench): Promise<void> {
  const { cycles } = bench;
  const restMs = REST_MS;
  const maxBytes = SIZES.at(-1)!;
  const options = { workers: 1, depth: 4, maxBytes, hotMs: HOT_MS, memory: "512MiB" };
  await withLease(options, async (lease) => {
    await using memcpy = memcpyContender(cycles, maxBytes);
    await using floor = await Floor.open(cycles, maxBytes);
    const sync = (path: string, name: string, writes: boolean, reads: boolean) =>
      invokeSyncContender(lease, cycles, { path, name, writes, reads, restMs });
    const contenders = [
      memcpy,
      ...Object.values(BARE).map((copies) => bareContender(floor, copies)),
      sync("in place", "touch", false, false),
      sync("argument written", "touch", true, false),
      sync("echo", "echo", false, false),
      sync("written, echo, read", "echo", true, true),
      invokeContender(lease, cycles, {
        path: "rfaas invoke, with output",
        hasOutput: true,
        restMs,
      }),
      invokeContender(lease, cycles, { restMs }),
    ];
    const rows: Row[] = [];
    for (const bytes of SIZES) {
      rows.push(...await takeTurns(bench, { suite: "bandwidth", bytes, contenders }));
    }
    bench.addText(toText(rows));
  }, { memoryBytes: 2 ** 30 });
}

function bareContender(floor: Floor, copies: RoundCopies & { path: string }): Contender {
  return {
    path: copies.path,
    measure: (payload, times) => floor.measure(times, payload, copies),
    async [Symbol.asyncDispose]() {}, // the owner closes the floor
  };
}

/** A copy by `Uint8Array.set`, which uses memcpy, from one shared mapping to another. */
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
    // deno-lint-ignore require-await -- nothing to wait for
    async [Symbol.asyncDispose]() {
      from.close();
      to.close();
      libc.close();
    },
  };
}

function toText(rows: readonly Row[]): string {
  const lines = [
    ["bytes", "path", "copies", "p50 us", "GB/s", "to memcpys", "to bare", "copies made"],
  ];
  for (const { path, bytes, p50_us } of rows) {
    const { copies, why, bare } = NEEDS[path]!;
    const to = (yardstick: string | undefined, times: number) => {
      const row = rows.find((row) => row.path === yardstick && row.bytes === bytes);
      return row && times > 0 ? (p50_us / times / row.p50_us).toFixed(2) : "-";
    };
    lines.push([
      String(bytes),
      path,
      String(copies),
      p50_us.toFixed(1),
      (bytes / p50_us / 1000).toFixed(1),
      to(MEMCPY, copies),
      to(bare, 1),
      why,
    ]);
  }
  return "bandwidth: the time of a round trip, divided by the time of its copies: by memcpy on one core, and by two bare\n" +
    "processes that make the same copies, so that each core fetches what the other wrote\n" +
    alignColumns(lines, [1, 7]);
}
