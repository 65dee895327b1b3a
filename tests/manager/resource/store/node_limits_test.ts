import { assertEquals } from "@std/assert";
import { limitsOf, withLimits } from "../../../../manager/resource/store/node_limits.ts";
import { nodeRow } from "../../../support/manager/store_rows.ts";

const drain = (graceMs: number) => ({ cores: 0, graceMs });

Deno.test("`withLimits()` lends the fewest cores of all limits, and drains within the shortest grace period", () => {
  const of = (limits: Parameters<typeof withLimits>[1]) => {
    const { cores, drainMs } = withLimits(
      nodeRow("n", { cores: 1, maxCores: 8, drainMs: 7 }),
      limits,
    );
    return [cores, drainMs];
  };
  assertEquals(of({}), [8, null]);
  assertEquals(of({ a: { cores: 5, graceMs: 1 }, b: { cores: 3, graceMs: 9 } }), [3, null]);
  assertEquals(of({ a: drain(50), b: { cores: 3, graceMs: 1 }, c: drain(20) }), [3, 20]);
});

Deno.test("`limitsOf()` keeps limits that agree with the drain of the row", () => {
  const limits = { slurm: drain(100), other: drain(200), part: { cores: 2, graceMs: 300 } };
  assertEquals(limitsOf({ drainMs: 100, limits }), limits);
  const { part } = limits;
  assertEquals(limitsOf({ drainMs: null, limits: { part } }), { part });
});

Deno.test("`limitsOf()` follows an older version, which drains for the operator and lends for all", () => {
  const part = { cores: 2, graceMs: 300 };
  assertEquals(limitsOf({ drainMs: null }), {});
  assertEquals(limitsOf({ drainMs: 5 }), { operator: drain(5) });
  assertEquals(limitsOf({ drainMs: 300, limits: { part } }), { part, operator: drain(300) });
  assertEquals(limitsOf({ drainMs: null, limits: { part, slurm: drain(9) } }), { part });
  const operator = drain(1);
  assertEquals(limitsOf({ drainMs: 5, limits: { operator } }), { operator: drain(5) });
});
