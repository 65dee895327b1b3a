/** The counts of leases that started, by minute and time. */
import { assertEquals } from "@std/assert";
import {
  START_BOUNDS_MS,
  type StartColumn,
  StartCounts,
} from "../../../../manager/resource/books/start_counts.ts";
import { SHOWN_START_MINUTES } from "../../../../manager/resource/policy.ts";
import { printedSeed } from "../../../support/seed.ts";

const MINUTE_MS = 60_000;
const NOW_MS = 1_800_000_000_000;
const NOW = NOW_MS / MINUTE_MS;

function sum(columns: readonly StartColumn[]): number {
  return columns.flatMap(({ pooled, cold }) => [...pooled, ...cold]).reduce((a, b) => a + b, 0);
}

/** The positions of the buckets that have a start. */
function bucketsOf(columns: readonly StartColumn[], kind: "pooled" | "cold"): number[] {
  return columns.flatMap((column) => column[kind].flatMap((count, at) => count > 0 ? [at] : []));
}

Deno.test("a start is counted in the bucket of its time, and one beyond the last bound in the last bucket", () => {
  for (const [bucket, boundMs] of START_BOUNDS_MS.entries()) {
    const counts = new StartCounts();
    counts.record(NOW_MS, "cold", boundMs);
    assertEquals(bucketsOf(counts.columns(NOW_MS), "cold"), [bucket]);
    counts.record(NOW_MS, "cold", boundMs + 1);
    assertEquals(bucketsOf(counts.columns(NOW_MS), "cold"), [bucket, bucket + 1]);
    assertEquals(bucketsOf(counts.columns(NOW_MS), "pooled"), []);
  }
  const counts = new StartCounts();
  counts.record(NOW_MS, "pooled", 0);
  counts.record(NOW_MS, "pooled", Number.MAX_SAFE_INTEGER);
  assertEquals(bucketsOf(counts.columns(NOW_MS), "pooled"), [0, START_BOUNDS_MS.length]);
});

Deno.test("minutes without starts are left out, and an hour later all are gone", () => {
  const counts = new StartCounts();
  counts.record(NOW_MS, "cold", 7);
  counts.record(NOW_MS + MINUTE_MS - 1, "cold", 7);
  counts.record(NOW_MS + 3 * MINUTE_MS, "pooled", 7);
  const minutes = (nowMs: number) => counts.columns(nowMs).map(({ minute }) => minute - NOW);
  assertEquals(minutes(NOW_MS + 10 * MINUTE_MS), [0, 3]);
  const lastMs = NOW_MS + (SHOWN_START_MINUTES - 1) * MINUTE_MS;
  assertEquals(minutes(lastMs + MINUTE_MS - 1), [0, 3]);
  assertEquals(minutes(lastMs + MINUTE_MS), [3]);
  assertEquals(minutes(lastMs + 4 * MINUTE_MS), []);
  assertEquals(minutes(lastMs + 1e12), []);
  counts.record(lastMs + 1e12, "cold", 7);
  assertEquals(sum(counts.columns(lastMs + 1e12)), 1);
});

Deno.test("a clock that is set back loses no start", () => {
  const counts = new StartCounts();
  counts.record(NOW_MS, "cold", 7);
  for (const backMs of [1, MINUTE_MS, SHOWN_START_MINUTES * MINUTE_MS, NOW_MS, 2 * NOW_MS]) {
    const before = sum(counts.columns(NOW_MS - backMs));
    counts.record(NOW_MS - backMs, "cold", 7);
    assertEquals(counts.columns(NOW_MS - backMs).map(({ minute }) => minute), [NOW]);
    assertEquals(sum(counts.columns(NOW_MS - backMs)), before + 1);
  }
});

Deno.test("the counts of an hour sum up to its starts, however the clock jumps", () => {
  const random = numbersFrom(1 + printedSeed("start counts") % 2_147_483_646);
  for (let run = 0; run < 50; run++) {
    const counts = new StartCounts();
    /** The minute in which each start was counted. */
    const counted: number[] = [];
    let nowMs = NOW_MS;
    let newest = -Infinity;
    for (let step = 0; step < 200; step++) {
      const jump = random();
      if (jump < 0.3) nowMs += Math.floor(random() * 3 * MINUTE_MS);
      else if (jump < 0.35) nowMs -= Math.floor(random() * 90 * MINUTE_MS);
      else if (jump < 0.37) nowMs += Math.floor(random() * 90 * MINUTE_MS);
      newest = Math.max(newest, Math.floor(nowMs / MINUTE_MS));
      if (random() < 0.7) {
        const durationMs = Math.floor(10 ** (random() * 6));
        counts.record(nowMs, random() < 0.5 ? "pooled" : "cold", durationMs);
        counted.push(newest);
      }
      const columns = counts.columns(nowMs);
      const kept = counted.filter((minute) => minute > newest - SHOWN_START_MINUTES);
      assertEquals(sum(columns), kept.length);
      const minutes = columns.map(({ minute }) => minute);
      assertEquals(minutes, [...new Set(kept)].sort((a, b) => a - b));
    }
  }
});

/** Numbers from 0 to 1 that repeat with the seed. */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}
