/** Elections in virtual time: candidates on an etcd whose requests take as long as each test decides. */
import { assert, assertEquals } from "@std/assert";
import {
  OBSERVE_EVERY_MS,
  PULSE_EVERY_MS,
  PULSE_VALID_MS,
  TAKE_OVER_AFTER_MS,
} from "../../../../manager/resource/store/etcd/etcd_policy.ts";
import { Pulse } from "../../../../manager/resource/store/etcd/pulse.ts";
import {
  type Candidacy,
  type HeldTerm,
  type OwnKeys,
  takeTerm,
} from "../../../../manager/resource/store/etcd/term.ts";
import { Succession } from "../../../../manager/resource/succession.ts";
import { SimulatedEtcd, VirtualClock, type Ways } from "../../../support/manager/simulated_etcd.ts";

const keys: OwnKeys = { term: "term", pulse: "pulse", batch: "batch" };
const quick: Ways = () => ({ thereMs: 2, backMs: 2 });
/** Never arrives. */
const cut: Ways = () => ({ thereMs: Infinity, backMs: 0 });

/** Candidates of one term. */
class Election implements AsyncDisposable {
  readonly time = new VirtualClock();
  readonly etcd = new SimulatedEtcd();
  /** The terms in the order in which they were taken, with the time. */
  readonly taken: { readonly url: string; readonly atMs: number; readonly term: HeldTerm }[] = [];
  readonly #ended = new AbortController();
  readonly #pulses: Pulse[] = [];

  /** Begins a candidacy. The leader shows that it runs, on the same way. */
  candidate(url: string, ways: Ways, options: Partial<Candidacy> = {}): void {
    const client = this.etcd.client(ways);
    const { signal } = this.#ended;
    takeTerm({ client, keys, url, signal, ...options }).then((term) => {
      this.taken.push({ url, atMs: this.time.nowMs, term });
      this.#pulses.push(new Pulse(client, keys, term, () => {}));
    }, () => {});
  }

  /** Ends the term as its leader does. */
  async endTerm(): Promise<void> {
    const row = { ...this.taken.at(-1)!.term.row, isOver: true };
    const client = this.etcd.client(() => ({ thereMs: 0, backMs: 0 }));
    const write = { key: keys.term, value: JSON.stringify(row) };
    const written = client.transact([], [write], [], 1000);
    await this.time.pass(0);
    await written;
  }

  /** The leader of the last term, as it sees itself. */
  get leads(): boolean {
    return this.#pulses.at(-1)!.isValid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    const ended = Promise.all(this.#pulses.map((pulse) => pulse[Symbol.asyncDispose]()));
    await this.time.pass(1000);
    await ended;
    this.time[Symbol.dispose]();
  }
}

Deno.test("of candidates that find no leader at the same moment, one leads", async () => {
  await using election = new Election();
  for (const url of ["a", "b", "c", "d"]) election.candidate(url, quick);
  await election.time.pass(2000);
  assertEquals(election.taken.map(({ url }) => url), ["a"]);
});

Deno.test("a candidate takes the term, and stays leader, if each request to etcd takes 400 ms", async () => {
  await using election = new Election();
  const slow: Ways = () => ({ thereMs: 200, backMs: 200 });
  election.candidate("a", slow);
  await election.time.pass(3000);
  election.candidate("b", slow);
  await election.time.pass(20_000);
  assertEquals(election.taken.map(({ url }) => url), ["a"]);
});

Deno.test("a leader whose requests take 100 ms more now and then leads on", async () => {
  await using election = new Election();
  let pauses = 0;
  election.candidate("a", (sentMs) => {
    const isSlow = Math.floor(sentMs / 200) % 2 === 1;
    if (isSlow) pauses++;
    return { thereMs: isSlow ? 102 : 2, backMs: 2 };
  });
  await election.time.pass(100);
  election.candidate("b", quick);
  await election.time.pass(20_000);
  assertEquals(election.taken.map(({ url }) => url), ["a"]);
  assert(pauses > 20 && election.leads);
});

Deno.test("a leader that is cut off ends before another one begins", async () => {
  await using election = new Election();
  let isCut = false;
  election.candidate("a", (sentMs) => (isCut ? cut : quick)(sentMs));
  await election.time.pass(500);
  for (const url of ["b", "c"]) election.candidate(url, quick);
  await election.time.pass(500);
  isCut = true;
  const cutMs = election.time.nowMs;
  let endedMs = 0;
  while (election.taken.length === 1 && election.time.nowMs < cutMs + 5000) {
    if (election.leads) endedMs = election.time.nowMs;
    await election.time.pass(1);
  }
  const next = election.taken[1]!;
  assert(next.atMs > endedMs, `it leads at ${next.atMs}, the other one until ${endedMs}`);
  assert(next.atMs - cutMs <= TAKE_OVER_AFTER_MS + 100, `it leads after ${next.atMs - cutMs} ms`);
  await election.time.pass(5000);
  assertEquals(election.taken.length, 2, "the third one stands by");
});

for (const standsMs of [700, 3000]) {
  Deno.test(`the term stays with one of several candidates that stand still for ${standsMs} ms when they begin to lead`, async () => {
    await using election = new Election();
    for (const url of ["a", "b", "c"]) {
      // As while the rows are read on a busy host. A request that is sent meanwhile leaves after it.
      election.candidate(url, (sentMs) => {
        const last = election.taken.at(-1);
        const leftMs = last?.url === url ? last.atMs + standsMs - sentMs : 0;
        return { thereMs: Math.max(0, leftMs) + 2, backMs: 2 };
      });
      await election.time.pass(10);
    }
    await election.time.pass(60_000);
    const { length } = election.taken;
    assert(length < 8, `${length} terms`);
    await election.time.pass(60_000);
    assertEquals([election.taken.length, election.leads], [length, true]);
  });
}

Deno.test("a leader that was given more time is replaced as soon as any after a minute", async () => {
  await using election = new Election();
  /** The candidates that are cut off. */
  const gone = new Set<string>();
  const elect = async (url: string) => {
    election.candidate(url, (sentMs) => (gone.has(url) ? cut : quick)(sentMs));
    await election.time.pass(500);
  };
  /** Cuts the leader off, and measures until the other candidate leads. */
  const replace = async () => {
    const { length } = election.taken;
    gone.add(election.taken.at(-1)!.url);
    const cutMs = election.time.nowMs;
    while (election.taken.length === length) await election.time.pass(1);
    return election.time.nowMs - cutMs;
  };
  await elect("a");
  await elect("b");
  const firstMs = await replace();
  await elect("c");
  const secondMs = await replace();
  await elect("d");
  await election.time.pass(60_000);
  const lastMs = await replace();
  assert(secondMs > 1.5 * firstMs && lastMs < firstMs + 100, `${[firstMs, secondMs, lastMs]}`);
});

Deno.test("the clock of a leader begins after each time that the last one may have shown", async () => {
  await using election = new Election();
  let isCut = false;
  election.candidate("a", (sentMs) => (isCut ? cut : quick)(sentMs));
  await election.time.pass(500);
  election.candidate("b", quick);
  await election.time.pass(500);
  isCut = true;
  let shownMs = 0;
  while (election.taken.length === 1) {
    // Its clock goes on between two pulses, and it answers reads meanwhile.
    if (election.leads) shownMs = election.taken[0]!.term.clock();
    await election.time.pass(1);
  }
  const firstMs = election.taken[1]!.term.row.sinceMs;
  assert(firstMs >= shownMs, `${firstMs} is before ${shownMs}`);
});

Deno.test("a candidate that received no response to its taking of the term has it all the same", async () => {
  await using election = new Election();
  let requests = 0;
  election.candidate("a", () => ({ thereMs: 2, backMs: ++requests === 2 ? Infinity : 2 }));
  await election.time.pass(3000);
  assertEquals(election.taken.map(({ url, term }) => [url, term.row.number]), [["a", 1]]);
});

/** A leader that has ended its term right after a look of a standby, and the standby. */
async function endedBetweenLooks(options: Partial<Candidacy>) {
  const election = new Election();
  const looksMs: number[] = [];
  election.candidate("a", quick);
  await election.time.pass(500);
  election.candidate("b", (sentMs) => {
    looksMs.push(sentMs);
    return quick(sentMs);
  }, options);
  await election.time.pass(500);
  while (looksMs.at(-1)! + 5 !== election.time.nowMs) await election.time.pass(1);
  await election.endTerm();
  return { election, endedMs: election.time.nowMs };
}

Deno.test("a standby that is notified of a change takes the term that was ended without the rest of its pause", async () => {
  const succession = new Succession();
  let notices = 0;
  const options = { succession, ended: () => notices++ };
  const { election, endedMs } = await endedBetweenLooks(options);
  await using _election = election;
  await election.time.pass(1);
  succession.changed();
  await election.time.settle();
  await election.time.pass(OBSERVE_EVERY_MS);
  const { url, atMs } = election.taken[1]!;
  // A read and a transaction, of 4 ms each.
  assertEquals([url, atMs - endedMs, notices], ["b", 9, 1]);
});

Deno.test("a standby that is notified of nothing takes the term that was ended after its pause", async () => {
  const { election, endedMs } = await endedBetweenLooks({});
  await using _election = election;
  await election.time.pass(2 * OBSERVE_EVERY_MS);
  const { url, atMs } = election.taken[1]!;
  assert(url === "b" && atMs - endedMs > 15 && atMs - endedMs <= OBSERVE_EVERY_MS + 8, `${atMs}`);
});

Deno.test("a standby that is notified while it looks looks again at once", async () => {
  await using election = new Election();
  election.candidate("a", quick);
  await election.time.pass(500);
  const succession = new Succession();
  let notifiesMs = Infinity;
  election.candidate("b", (sentMs) => {
    if (sentMs < notifiesMs) return quick(sentMs);
    // The term ends after this look has read it, and before its response arrives.
    notifiesMs = Infinity;
    return { thereMs: 1, backMs: 10 };
  }, { succession });
  await election.time.pass(500);
  notifiesMs = election.time.nowMs;
  while (notifiesMs < Infinity) await election.time.pass(1);
  await election.time.pass(2);
  await election.endTerm();
  succession.changed();
  const endedMs = election.time.nowMs;
  await election.time.pass(OBSERVE_EVERY_MS);
  assertEquals(election.taken.map(({ url }) => url), ["a", "b"]);
  assert(election.taken[1]!.atMs - endedMs < OBSERVE_EVERY_MS, "it did not wait for its next look");
});

Deno.test("notices of changes that were none let no standby take a term, nor many of them at once more than one", async () => {
  await using election = new Election();
  election.candidate("a", quick);
  await election.time.pass(500);
  const succession = new Succession();
  for (const url of ["b", "c", "d"]) election.candidate(url, quick, { succession });
  for (let n = 0; n < 500; n++) {
    succession.changed();
    await election.time.pass(1);
  }
  assertEquals(election.taken.length, 1);
  await election.endTerm();
  succession.changed();
  await election.time.settle();
  await election.time.pass(500);
  assertEquals(election.taken.length, 2);
});

Deno.test("a leader is valid from the sending of the transaction that took the term", async () => {
  await using election = new Election();
  // Its pulses never arrive.
  election.candidate("a", (sentMs) => (election.taken.length > 0 ? cut : quick)(sentMs));
  while (election.taken.length === 0) await election.time.pass(1);
  const { atMs, term } = election.taken[0]!;
  assertEquals(atMs - term.sentMs, 4);
  await election.time.pass(PULSE_VALID_MS - 5);
  assert(election.leads);
  // A later leader has no time that it may have shown until then.
  const shownMs = term.clock();
  election.candidate("b", quick);
  await election.time.pass(1);
  assert(!election.leads);
  await election.time.pass(2000);
  const { row } = election.taken[1]!.term;
  assert(row.sinceMs >= shownMs, `${row.sinceMs} is before ${shownMs}`);
});

Deno.test("a candidate that is closed while it finds the term free does not take it", async () => {
  await using election = new Election();
  election.candidate("a", quick);
  await election.time.pass(500);
  const closed = new AbortController();
  let isOver = false;
  election.candidate("b", (sentMs) => {
    if (isOver) closed.abort();
    return quick(sentMs);
  }, { signal: closed.signal });
  await election.time.pass(500);
  await election.endTerm();
  isOver = true;
  await election.time.pass(500);
  assertEquals([election.taken.length, closed.signal.aborted], [1, true]);
});

Deno.test("a leader writes its first pulse one interval after the transaction that took the term", async () => {
  await using election = new Election();
  const sentMs: number[] = [];
  election.candidate("a", (atMs) => {
    if (election.taken.length > 0) sentMs.push(atMs - election.taken[0]!.term.sentMs);
    return quick(atMs);
  });
  await election.time.pass(400);
  assertEquals(sentMs.slice(0, 2), [PULSE_EVERY_MS, 2 * PULSE_EVERY_MS]);
});
