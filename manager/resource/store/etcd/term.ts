/**
 * The term: the time for which one resource manager leads. It is a row that names the leader, and each transaction of the
 * leader is conditional on it, so a leader that was replaced writes nothing, however long it was stopped.
 */
import { StateUnavailableError } from "../../../state_dir.ts";
import { steadyClock } from "../../clock.ts";
import { Succession } from "../../succession.ts";
import type { EtcdClient, KeyRange } from "./etcd_client.ts";
import { EtcdRefusedError, isTemporary } from "./etcd_errors.ts";
import type { Stored } from "./etcd_messages.ts";
import {
  MAX_TAKE_OVER_AFTER_MS,
  OBSERVE_EVERY_MS,
  OPEN_TIMEOUT_MS,
  PULSE_TIMEOUT_MS,
  PULSE_VALID_MS,
  SETTLED_AFTER_MS,
  TAKE_OVER_AFTER_MS,
  USUAL_AFTER_MS,
  WRITE_TIMEOUT_MS,
} from "./etcd_policy.ts";

/** The keys of the store's own rows. */
export interface OwnKeys {
  /** The current term, a {@linkcode TermRow}. */
  readonly term: string;
  /** Changes while the leader runs: term, counter and the time that no issued time exceeds. */
  readonly pulse: string;
  /** The last batch: term, number and time. */
  readonly batch: string;
}

/** The row of the term. */
export interface TermRow {
  readonly number: number;
  /** Identifies one candidacy, so that a candidate recognizes its own row. */
  readonly holder: string;
  /** The address of the leader; null if it has none. */
  readonly url: string | null;
  readonly sinceMs: number;
  /** The last batch of the term before: a leader that was replaced reads from it whether its own last one counts. */
  readonly before: string | null;
  /** How long the pulse must be unchanged before another one takes the term. @default TAKE_OVER_AFTER_MS */
  readonly takeOverAfterMs?: number;
  /** Whether the leader has ended its term. */
  readonly isOver?: true;
}

/** A term that this process holds. */
export interface HeldTerm {
  readonly row: TermRow;
  /** The revision of the row, the condition of pulses. */
  readonly revision: number;
  /** The value of the batch row. */
  readonly batch: string;
  /** A clock that begins after all times that earlier leaders have issued. */
  readonly clock: () => number;
  /** When the transaction that took the term was sent, by the clock of performance.now(); -Infinity if that is not known. */
  readonly sentMs: number;
  /** The first key of a later format; undefined: there is none. Missing if it is not known. */
  readonly later?: string | undefined;
}

/** What a candidate needs. */
export interface Candidacy {
  readonly client: Pick<EtcdClient, "read" | "transact">;
  readonly keys: OwnKeys;
  /** The address for clients; undefined if there is none. */
  readonly url?: string | undefined;
  /** Ends the candidacy. */
  readonly signal: AbortSignal;
  /** The keys of later formats, beside which no resource manager of this version may lead. */
  readonly later?: KeyRange;
  /** Shows that the term may have changed, before the next regular look at it. */
  readonly succession?: Succession;
  /** Is called at each sign of life of a leader. */
  readonly observed?: (leader: TermRow) => void;
  /** Is called when the leader has ended its term. */
  readonly ended?: () => void;
  /** Is called when this candidate has taken the term. */
  readonly taken?: () => void;
}

/** The state of the term in etcd. */
interface Seen {
  readonly term: Stored | undefined;
  readonly pulse: Stored | undefined;
  readonly batch: Stored | undefined;
}

/**
 * Waits until no other resource manager leads, and takes the term. Nothing is decided by a read: the transaction that
 * takes the term succeeds only if nothing has changed since. Nor by a sign of a change: it is followed by a read.
 *
 * @throws {StateUnavailableError} if etcd does not respond, or refuses the requests.
 * @throws {unknown} the reason of the signal.
 */
export async function takeTerm(candidacy: Candidacy): Promise<HeldTerm> {
  const { client, keys, signal, succession = new Succession() } = candidacy;
  const holder = crypto.randomUUID();
  let latest: string | undefined;
  let unchangedSinceMs = 0;
  let failingSinceMs: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const sentMs = performance.now();
    const { count } = succession; // a change after it may be too late for this read
    try {
      const [term, pulse, batch] = await client.read(
        [keys.term, keys.pulse, keys.batch],
        // An etcd that takes longer may be slow, and not this member alone.
        failingSinceMs === undefined ? PULSE_TIMEOUT_MS : WRITE_TIMEOUT_MS,
      );
      failingSinceMs = undefined;
      const row = term && JSON.parse(term.value) as TermRow;
      if (row?.holder === holder) return held(candidacy, row, { term, pulse, batch });
      const now = `${term?.revision} ${pulse?.value}`;
      if (now !== latest) {
        // A row alone shows no leader that runs: it may have been killed.
        if (latest !== undefined && row !== undefined && !row.isOver) candidacy.observed?.(row);
        latest = now;
        unchangedSinceMs = performance.now();
      }
      const isFree = row === undefined || row.isOver ||
        sentMs - unchangedSinceMs >= takeOverAfterMs(row, pulse);
      if (row?.isOver) candidacy.ended?.();
      if (isFree) {
        signal.throwIfAborted(); // no other one could lead for as long as this candidate has the term
        const seen = { term, pulse, batch };
        const taken = await tryTake(candidacy, holder, row, seen);
        if (taken !== undefined) return taken;
        continue;
      }
    } catch (error) {
      if (!isTemporary(error) && !(error instanceof EtcdRefusedError)) throw error;
      failingSinceMs ??= sentMs;
      if (!isTemporary(error) || performance.now() - failingSinceMs > OPEN_TIMEOUT_MS) {
        throw new StateUnavailableError(`Cannot open state: ${error.message}`, { cause: error });
      }
    }
    await succession.wait(count, OBSERVE_EVERY_MS, signal);
  }
}

/** @returns undefined if another candidate was faster, or the leader has written. */
async function tryTake(
  candidacy: Candidacy,
  holder: string,
  before: TermRow | undefined,
  { term, pulse, batch }: Seen,
): Promise<HeldTerm | undefined> {
  const { client, keys, url = null } = candidacy;
  const clock = steadyClock(Math.max(timeOf(pulse), timeOf(batch)), 0);
  const number = (before?.number ?? 0) + 1;
  const sinceMs = clock();
  const row: TermRow = {
    number,
    holder,
    url,
    sinceMs,
    before: batch?.value ?? null,
    ...moreTime(before, sinceMs),
  };
  const first = batchText(number, 0, sinceMs);
  const sentMs = performance.now();
  const { done, revision, first: later } = await client.transact(
    [
      { key: keys.term, revision: term?.revision ?? 0 },
      { key: keys.batch, revision: batch?.revision ?? 0 },
    ],
    [
      { key: keys.term, value: JSON.stringify(row) },
      { key: keys.batch, value: first },
      // The first pulse: no other candidate takes the term before it is over.
      { key: keys.pulse, value: batchText(number, 0, sinceMs + PULSE_VALID_MS) },
    ],
    [],
    WRITE_TIMEOUT_MS,
    candidacy.later,
  );
  return done ? { row, revision, batch: first, clock, sentMs, later } : undefined;
}

/** How long the pulse of a leader must be unchanged before another one takes the term. */
function takeOverAfterMs(row: TermRow, pulse: Stored | undefined): number {
  const hasLedMs = timeOf(pulse) - row.sinceMs;
  if (row.takeOverAfterMs === undefined || hasLedMs >= USUAL_AFTER_MS) return TAKE_OVER_AFTER_MS;
  return row.takeOverAfterMs;
}

/** The time that a leader gets which replaces one that had too little. */
function moreTime(
  before: TermRow | undefined,
  nowMs: number,
): Pick<TermRow, "takeOverAfterMs"> {
  const isSettled = before === undefined || before.isOver ||
    nowMs - before.sinceMs >= SETTLED_AFTER_MS + (before.takeOverAfterMs ?? TAKE_OVER_AFTER_MS);
  if (isSettled) return {};
  const twice = 2 * (before.takeOverAfterMs ?? TAKE_OVER_AFTER_MS);
  return { takeOverAfterMs: Math.min(twice, MAX_TAKE_OVER_AFTER_MS) };
}

/** The term after a transaction whose response was lost. */
function held({ keys }: Candidacy, row: TermRow, { term, pulse, batch }: Seen): HeldTerm {
  if (term === undefined || batch === undefined) {
    throw new StateUnavailableError(`Cannot open state: ${keys.batch} is missing in etcd`);
  }
  const clock = steadyClock(Math.max(timeOf(pulse), timeOf(batch)), 0);
  return { row, revision: term.revision, batch: batch.value, clock, sentMs: -Infinity };
}

/** The value of a batch, or of a pulse. */
export function batchText(term: number, count: number, ms: number): string {
  return `${term}.${count}.${ms}`;
}

function timeOf(stored: Stored | undefined): number {
  const ms = Number(stored?.value.split(".")[2] ?? 0);
  if (Number.isSafeInteger(ms)) return ms;
  throw new StateUnavailableError(
    `Cannot open state: the key ${stored!.key} of etcd holds ${JSON.stringify(stored!.value)}`,
  );
}
