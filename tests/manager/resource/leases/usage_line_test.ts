/** The order by usage: the account that has used least for its share stands first, and no account starves. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Demand } from "../../../../manager/resource/leases/line.ts";
import { UsageLine } from "../../../../manager/resource/leases/usage_line.ts";
import { GRANT_COUNTS_AS_MS } from "../../../../manager/resource/policy.ts";

/** What accounts have used, in core-milliseconds, without a decay. */
class Usage {
  readonly #used = new Map<string, number>();
  readonly of = (payer: string) => this.#used.get(payer) ?? 0;

  constructor(used: Readonly<Record<string, number>> = {}) {
    for (const [payer, coreMs] of Object.entries(used)) this.add(payer, coreMs);
  }

  add(payer: string, coreMs: number): void {
    this.#used.set(payer, this.of(payer) + coreMs);
  }
}

/** The demand of an entry that is named by its account, its client there and its number, such as `ax1`. */
function demand(entry: string, more: { share?: number; workers?: number } = {}): Demand {
  const { share = 1, workers = 1 } = more;
  const [payer, client] = [entry[0]!, entry.slice(0, 2)];
  return { payer, client, class: { priority: 0, share }, workers };
}

/** Serves the first entry of a line. */
function serve(line: UsageLine<string>, usage: Usage, workers = 1): string {
  const first = line.entries[0]!;
  usage.add(first[0]!, workers * GRANT_COUNTS_AS_MS);
  line.served(first);
  line.delete(first);
  line.refresh();
  return first;
}

Deno.test("the account with the least usage for its share stands first, then the one that came first", () => {
  const usage = new Usage({ a: 5000, b: 8000, d: 5000 });
  const line = new UsageLine<string>(usage.of);
  line.add("dx1", demand("dx1"));
  line.add("ax1", demand("ax1"));
  line.add("bx1", demand("bx1", { share: 2 }));
  line.add("cx1", demand("cx1"));
  assertEquals(line.entries, ["cx1", "bx1", "dx1", "ax1"]);
  usage.add("c", 6000);
  assertEquals(line.entries[0], "cx1", "the order stays until it is brought up to date");
  line.refresh();
  assertEquals(line.entries, ["bx1", "dx1", "ax1", "cx1"]);
});

Deno.test("accounts with equal usage take turns by workers, and so do the clients of one account", () => {
  const line = new UsageLine<string>(() => 0);
  for (const entry of ["ax1", "ax2", "ax3", "ay1", "bx1", "bx2"]) {
    line.add(entry, demand(entry, { workers: entry === "bx1" ? 2 : 1 }));
  }
  assertEquals(line.entries, ["ax1", "bx1", "ay1", "ax2", "bx2", "ax3"]);
  assertEquals([line.size, line.countOf("ax"), line.countOf("cx")], [6, 3, 0]);
  assertEquals(line.largest(), { client: "ax", count: 3, last: "ax3" });
  assertEquals([line.delete("ax1"), line.delete("ax1")], [true, false]);
  assertEquals(line.entries, ["bx1", "ay1", "ax2", "bx2", "ax3"]);
  for (const entry of line.entries) line.delete(entry);
  assertEquals([line.size, line.largest(), line.entries], [0, undefined, []]);
});

const payer = fc.constantFrom("a", "b", "c", "d");
const arrival = fc.record({
  payer,
  client: fc.constantFrom("x", "y"),
  workers: fc.integer({ min: 1, max: 64 }),
});
const used = fc.record({
  a: fc.nat(1_000_000),
  b: fc.nat(1_000_000),
  c: fc.nat(1_000_000),
  d: fc.nat(1_000_000),
});
const shares = fc.record({
  a: fc.constantFrom(0.5, 1, 2, 10),
  b: fc.constantFrom(0.5, 1, 2, 10),
  c: fc.constantFrom(0.5, 1, 2, 10),
  d: fc.constantFrom(0.5, 1, 2, 10),
});

Deno.test("no first request of an account stands behind one of an account with more usage for its share", () => {
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 40 }), used, shares, (arrivals, used, shares) => {
      const line = new UsageLine<string>(new Usage(used).of);
      for (const [number, { payer, client, workers }] of arrivals.entries()) {
        const entry = `${payer}${client}${number}`;
        line.add(entry, demand(entry, { workers, share: shares[payer] }));
      }
      assertEquals(
        line.entries.toSorted(),
        arrivals.map(({ payer, client }, at) => `${payer}${client}${at}`).toSorted(),
      );
      const firsts = [...new Set(line.entries.map((entry) => entry[0] as "a"))];
      const keys = firsts.map((payer) => used[payer] / shares[payer]);
      assertEquals(keys, keys.toSorted((a, b) => a - b));
      for (const client of new Set(line.entries.map((entry) => entry.slice(0, 2)))) {
        const own = line.entries.filter((entry) => entry.startsWith(client));
        const numbers = own.map((entry) => Number(entry.slice(2)));
        assertEquals(numbers, numbers.toSorted((a, b) => a - b), "a client's own stay in order");
      }
    }),
  );
});

Deno.test("a request is served after as many grants as bring the others up to its account's usage", () => {
  fc.assert(
    fc.property(used, shares, (used, shares) => {
      const usage = new Usage(used);
      const line = new UsageLine<string>(usage.of);
      const add = (entry: string) =>
        line.add(entry, demand(entry, { share: shares[entry[0] as "a"] }));
      add("ax0");
      const others = ["b", "c", "d"] as const;
      // Each of the others has one request more, whenever one is served.
      for (const payer of others) add(`${payer}x0`);
      const key = used.a / shares.a;
      let most = 0;
      for (const payer of others) {
        const behind = Math.max(0, key * shares[payer] - used[payer]);
        most += Math.floor(behind / GRANT_COUNTS_AS_MS) + 1;
      }
      for (let grants = 0; line.entries.includes("ax0"); grants++) {
        assert(grants <= most, `${grants} grants to others, of ${most}`);
        const served = serve(line, usage);
        if (served[0] !== "a") add(`${served[0]}x${grants + 1}`);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("accounts that always wait get cores in the ratio of their shares", () => {
  fc.assert(
    fc.property(shares, (shares) => {
      const usage = new Usage();
      const line = new UsageLine<string>(usage.of);
      const add = (entry: string) =>
        line.add(entry, demand(entry, { share: shares[entry[0] as "a"] }));
      for (const payer of ["a", "b", "c", "d"]) add(`${payer}x0`);
      const served = { a: 0, b: 0, c: 0, d: 0 };
      for (let grants = 0; grants < 400; grants++) {
        const payer = serve(line, usage)[0] as "a";
        served[payer]++;
        add(`${payer}x${grants + 1}`);
      }
      const all = shares.a + shares.b + shares.c + shares.d;
      for (const payer of ["a", "b", "c", "d"] as const) {
        const expected = 400 * shares[payer] / all;
        assert(
          Math.abs(served[payer] - expected) <= 2,
          `${payer}: ${served[payer]} of ${expected}`,
        );
      }
    }),
    { numRuns: 30 },
  );
});
