import { LOOP_TICK_MS, LOST_AFTER_MS } from "./policy.ts";

/** For how long after a stall a request may have arrived during it: a busy host takes long to read and to parse it. */
const AFTER_STALL_MS = 4 * LOOP_TICK_MS;

/** A time during which the event loop did not turn. */
interface Stall {
  readonly endedMs: number;
  readonly lateMs: number;
}

/**
 * Watches the event loop of the resource manager. A manager that was late itself has not processed the heartbeats that
 * arrived meanwhile, so it must not judge a node by that time.
 */
export class LoopWatch implements Disposable {
  readonly #now: () => number;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Newest first. */
  #stalls: Stall[] = [];
  #tickMs: number;

  /** @param now a monotonic clock in milliseconds, for tests. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#tickMs = now();
    this.#timer = setInterval(() => this.tick(), LOOP_TICK_MS);
  }

  /** Records a turn of the event loop. */
  tick(): void {
    const nowMs = this.#now();
    const lateMs = this.#lateMs(nowMs);
    this.#tickMs = nowMs;
    if (lateMs > 0) this.#stalls.unshift({ endedMs: nowMs, lateMs });
    const sinceMs = nowMs - this.silenceMs();
    this.#stalls = this.#stalls.filter(({ endedMs }) => endedMs >= sinceMs);
  }

  /** How long ago the last heartbeat of a node may be: {@linkcode LOST_AFTER_MS}, and all stalls within that time. */
  silenceMs(): number {
    const nowMs = this.#now();
    // The timer of a stall that has just ended may fire after the requests that arrived during it.
    let silenceMs = LOST_AFTER_MS + this.#lateMs(nowMs);
    for (const { endedMs, lateMs } of this.#stalls) {
      if (nowMs - endedMs > silenceMs) break;
      silenceMs += lateMs;
    }
    return silenceMs;
  }

  /** Whether this process stood still until a moment ago: the clients of requests that arrived meanwhile may have gone. */
  get stoodStill(): boolean {
    const nowMs = this.#now();
    const last = this.#stalls[0];
    return this.#lateMs(nowMs) > 0 || (last !== undefined && nowMs - last.endedMs < AFTER_STALL_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /** A tick that is late by less than another interval is no stall. */
  #lateMs(nowMs: number): number {
    const passedMs = nowMs - this.#tickMs;
    return passedMs > 2 * LOOP_TICK_MS ? passedMs - LOOP_TICK_MS : 0;
  }
}
