/**
 * The context of a call, made only for functions that ask for one. Functions hold it and may patch what hangs on it;
 * the runtime never calls its methods, and what it is made of lies in private fields.
 */

import { atomicsLoad, nowMs } from "../../ffi/intrinsics.ts";
import { GIVEN_UP_LOOK_MS, MAX_TIMER_MS } from "../policy.ts";
import type { FunctionContext, LeaseContext } from "../functions/function_context.ts";
import type { ContextFunction, PackageFunction } from "./package_function.ts";
import { IN_CALL, SLOT_WATCH, SLOT_WATCH_WORDS, WATCH_TIME_LEFT_US } from "./watch_words.ts";

// Held before foreign code is loaded.
const call = Function.prototype.call;
const setTimer = setTimeout;
const clearTimer = clearTimeout;
const Controller = AbortController;
const abort: (controller: AbortController, reason?: unknown) => void = call.bind(
  AbortController.prototype.abort,
);
const signalOf: (controller: AbortController) => AbortSignal = call.bind(
  Object.getOwnPropertyDescriptor(AbortController.prototype, "signal")!.get!,
);
const Failure = DOMException;

/** What contexts are made of. */
export interface ContextParts extends LeaseContext {
  /** The words of watch_words.ts. */
  readonly watch: Int32Array;
  /** By slot: the sequence number of the call that the client has given up. */
  readonly givenUp: readonly Int32Array[];
  /** The sequence number of the call in a slot. */
  sequenceOf(slot: number): number;
}

let finish: (context: CallContext) => void;
let giveUp: (context: CallContext, reason?: unknown) => void;

class CallContext implements FunctionContext {
  static {
    finish = (context) => {
      context.#over = true;
      clearTimer(context.#timer);
    };
    giveUp = (context, reason) => {
      clearTimer(context.#timer);
      if (context.#controller) abort(context.#controller, reason);
    };
  }

  /** A function of its own, no method: functions take it out of the context, `({ log }) => …`. */
  readonly log: (text: string) => void;
  readonly #parts: LeaseContext;
  readonly #untilMs: number;
  readonly #onSignal: () => void;
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;

  constructor(parts: LeaseContext, untilMs: number, onSignal: () => void) {
    this.log = parts.log;
    this.#parts = parts;
    this.#untilMs = untilMs;
    this.#onSignal = onSignal;
  }

  get lease(): string {
    return this.#parts.lease;
  }

  get worker(): number {
    return this.#parts.worker;
  }

  get timeLeftMs(): number {
    if (this.#over) return 0;
    const leftMs = this.#untilMs - nowMs();
    return leftMs > 0 ? leftMs : 0;
  }

  get signal(): AbortSignal {
    if (this.#controller) return signalOf(this.#controller);
    const controller = this.#controller = new Controller();
    if (!this.#over) {
      this.#onSignal();
      const leftMs = this.#untilMs - nowMs();
      if (leftMs <= MAX_TIMER_MS) {
        this.#timer = setTimer(
          () => abort(controller, new Failure("The call's deadline has passed", "TimeoutError")),
          leftMs,
        );
      }
    }
    return signalOf(controller);
  }
}

/** Gives contexts to the calls of a worker, and tells them when their client has given up. */
export class CallContexts {
  readonly #parts: ContextParts;
  /** By slot: the context of the call that runs there. */
  readonly #running: (CallContext | undefined)[] = [];
  /** Running calls whose function has asked for the signal. */
  #watched = 0;
  readonly #isWatched: boolean[] = [];
  #looksLater = false;

  constructor(parts: ContextParts) {
    this.#parts = parts;
    for (let i = 0; i < parts.givenUp.length; i++) {
      this.#running[i] = undefined;
      this.#isWatched[i] = false;
    }
  }

  /** Makes a function of bytes of one that takes a context as well. */
  wrap(called: ContextFunction): PackageFunction {
    const { watch } = this.#parts;
    return (input, output) => {
      const slot = watch[IN_CALL]! - 1;
      const context = this.#begin(slot);
      let result: unknown;
      try {
        result = called(input, output, context);
      } catch (error) {
        this.end(slot);
        throw error;
      }
      if (typeof result === "number") this.end(slot);
      return result;
    };
  }

  /** The call in this slot is over. */
  end(slot: number): void {
    const context = this.#running[slot];
    if (context === undefined) return;
    this.#running[slot] = undefined;
    this.#unwatch(slot);
    finish(context);
  }

  /** Tells calls that were given up; cheap while nobody wants to know. */
  look(): void {
    if (this.#watched === 0) return;
    const { givenUp, sequenceOf } = this.#parts;
    for (let slot = 0; slot < givenUp.length; slot++) {
      if (!this.#isWatched[slot]) continue;
      const context = this.#running[slot]!;
      if (atomicsLoad(givenUp[slot]!, 0) !== sequenceOf(slot)) continue;
      this.#unwatch(slot);
      giveUp(context);
    }
  }

  /**
   * Looks from the event loop as well: the worker may sleep beside a pending call, and a write wakes nobody. The timer is
   * left alone when a call ends, so that one that is over at once costs none of its own.
   */
  #lookLater(): void {
    if (this.#looksLater || this.#watched === 0) return;
    this.#looksLater = true;
    setTimer(() => {
      this.#looksLater = false;
      this.look();
      this.#lookLater();
    }, GIVEN_UP_LOOK_MS);
  }

  #begin(slot: number): CallContext {
    const { watch } = this.#parts;
    const timeLeftUs = watch[SLOT_WATCH + slot * SLOT_WATCH_WORDS + WATCH_TIME_LEFT_US]! >>> 0;
    const untilMs = timeLeftUs === 0 ? Infinity : nowMs() + timeLeftUs / 1000;
    const context = new CallContext(this.#parts, untilMs, () => {
      this.#isWatched[slot] = true;
      this.#watched++;
      this.#lookLater();
    });
    this.#running[slot] = context;
    return context;
  }

  #unwatch(slot: number): void {
    if (!this.#isWatched[slot]) return;
    this.#isWatched[slot] = false;
    this.#watched--;
  }
}
