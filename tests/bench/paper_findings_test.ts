import { assertEquals } from "@std/assert";
import {
  burstFinding,
  coldFinding,
  parallelFinding,
  recognitionFinding,
  roundTripFinding,
  speedupFinding,
  thumbnailFinding,
} from "../../bench/page/paper_findings.ts";
import { speedupsOf } from "../../bench/page/paper_speedups.ts";
import {
  parallelPath,
  partPath,
  readParallelPath,
  readPartPath,
  readSpeedupPath,
  speedupPath,
} from "../../bench/paper/row_paths.ts";
import { toRow } from "../../bench/rows.ts";

/** Rows with one value each, which the histogram does not round. */
const rowsOf = (values: Record<string, number>, bytes = 0) =>
  Object.entries(values).map(([path, us]) => ({
    ...toRow("paper", path, bytes, [us]),
    p50_us: us,
  }));

Deno.test("a path of the paper's rows is read as it was written", () => {
  const part = { group: "podman, cold", part: "first call" };
  assertEquals(readPartPath(partPath(part)), part);
  for (const workers of [1, 8]) {
    const parallel = { name: "echo of 1 KiB", workers };
    assertEquals(readParallelPath(parallelPath(parallel)), parallel);
  }
  const speedup = {
    problem: "matrix product",
    language: "C",
    size: 2048,
    unit: "rows",
    way: "lease, 1 worker, both travel",
  };
  assertEquals(readSpeedupPath(speedupPath(speedup)), speedup);
});

Deno.test("`roundTripFinding()` names what was measured at 1 KiB, and nothing else", () => {
  assertEquals(
    roundTripFinding(rowsOf({ "rfaas hot": 0.5, "NATS": 400 }, 1024)),
    "With 1 KiB each way, a hot call took 500 ns and NATS 400 µs.",
  );
  assertEquals(roundTripFinding(rowsOf({ "rfaas hot": 0.5, "NATS": 400 }, 64)), undefined);
});

Deno.test("`coldFinding()` names each sandbox, with the time of the boot", () => {
  const starts = {
    "no sandbox, cold: boot": 80_000,
    "no sandbox, cold: all": 100_000,
    "no sandbox, pooled: all": 20_000,
    "podman, cold: boot": 300_000,
    "podman, cold: all": 400_000,
  };
  assertEquals(
    coldFinding(rowsOf(starts)),
    "A cold start took 100 ms without sandbox (boot: 80 ms), 400 ms in podman (boot: 300 ms).",
  );
  assertEquals(coldFinding(rowsOf({ "no sandbox, pooled: all": 20_000 })), undefined);
});

Deno.test("`parallelFinding()` compares two workers with one", () => {
  const calls = { "1 ms of computing, 1 worker": 1000, "1 ms of computing, 2 workers": 1200 };
  assertEquals(
    parallelFinding(rowsOf(calls)),
    "Two workers did twice the computing of one in 1.2 times its time.",
  );
  assertEquals(parallelFinding(rowsOf({ "echo of 1 KiB, 1 worker": 1 })), undefined);
});

Deno.test("`speedupsOf()` compares each way with the first one of its language", () => {
  const times = {
    "Jacobi in TypeScript, 54 unknowns: 1 local thread": 10,
    "Jacobi in TypeScript, 54 unknowns: lease, 1 worker": 20,
    "Jacobi in TypeScript, 864 unknowns: 1 local thread": 1000,
    "Jacobi in TypeScript, 864 unknowns: lease, 1 worker": 500,
    "Jacobi in C, 54 unknowns: lease, 1 worker": 8,
    "Jacobi in C, 54 unknowns: lease, 2 workers": 4,
  };
  assertEquals(speedupsOf(rowsOf(times)), [
    { language: "TypeScript", way: "lease, 1 worker", speedups: new Map([[54, 0.5], [864, 2]]) },
    { language: "C", way: "lease, 2 workers", speedups: new Map([[54, 2]]) },
  ]);
  assertEquals(
    speedupFinding(rowsOf(times)),
    "At the largest size of each: 2.0 times as fast in TypeScript (lease, 1 worker, 864 unknowns), " +
      "2.0 times as fast in C (lease, 2 workers, 54 unknowns).",
  );
});

Deno.test("`thumbnailFinding()` has the median and the 90th percentile of each way", () => {
  const rows = rowsOf({ "this thread": 90_000, "rfaas": 91_000 })
    .map((row) => ({ ...row, p90_us: 100_000 }));
  assertEquals(
    thumbnailFinding(rows),
    "The median thumbnail took 90 ms by this thread (90 %: 100 ms), 91 ms by rfaas (90 %: 100 ms).",
  );
});

Deno.test("`recognitionFinding()` compares the model that stays with one a call, on a lease", () => {
  const rows = rowsOf({
    "this thread": 140_000,
    "rfaas": 150_000,
    "rfaas, model at each call": 210_000,
  }).map((row) => ({ ...row, p90_us: 2 * row.p50_us }));
  assertEquals(
    recognitionFinding(rows),
    "On a lease the median call took 150 ms (90 %: 300 ms), and 210 ms (90 %: 420 ms) with the " +
      "model loaded at each call.",
  );
  assertEquals(recognitionFinding(rows.slice(0, 2)), undefined);
});

Deno.test("`burstFinding()` compares the held time, its use, and the time of a burst", () => {
  const load = {
    "reserved: held": 20e6,
    "reserved: computing": 2e6,
    "reserved: a burst": 200_000,
    "leases: held": 4e6,
    "leases: computing": 2e6,
    "leases: a burst": 250_000,
  };
  assertEquals(
    burstFinding(rowsOf(load)),
    "The reserved allocation held 20 s of core time and computed in 10 % of it, the leases 4 s and " +
      "50 %: at one price of a core second they cost 0.20 times as much. A burst took 250 ms with its " +
      "lease, 200 ms without.",
  );
  assertEquals(burstFinding(rowsOf({ "leases: held": 4e6 })), undefined);
});
