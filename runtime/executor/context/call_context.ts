/**
 * The context of a call, made only for functions that take one. Functions may keep it and patch its properties, so the
 * runtime never calls its methods, and its state is in private fields.
 */

import { nowMs } from "../../../ffi/intrinsics.ts";
import { MAX_TIMER_MS } from "../../policy.ts";
import { timeLeftMs } from "../../protocol/wire.ts";
import type { FunctionContext, LeaseContext } from "../../functions/function_context.ts";
import type { ContextFunction, PackageFunction } from "../package/package_function.ts";
import {
  IN_CALL,
  SLOT_WATCH,
  SLOT_WATCH_WORDS,
  UNLIMITED,
  WATCH_SEQUENCE,
  WATCH_TIME_LEFT,
} from "../watch_words.ts";

// Bound before foreign code loads.
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

/** What the contexts of one worker share. */
export interface ContextParts extends LeaseContext {
  /** The words of watch_words.ts. */
  readonly watch: Int32Array;
  /** The trace of the call with this number in a slot, if it has one. */
  readonly traceOf: (slot: number, sequence: number) => string | undefined;
}

let finish: (context: CallContext) => void;
let giveUp: (context: CallContext) => void;

class CallContext implements FunctionContext {
  static {
    finish = (context) => {
      context.#over = true;
      clearTimer(context.#timer);
    };
    giveUp = (context) => {
      clearTimer(context.#timer);
      context.#isGivenUp = true;
      if (context.#controller) abort(context.#controller);
    };
  }

  /** A property rather than a method, so that functions may destructure it: `({ log }) => …`. */
  readonly log: (text: string) => void;
  readonly #parts: ContextParts;
  readonly #slot: number;
  /** The number of the call's first request, which its trace has. */
  readonly #sequence: number;
  readonly #untilMs: number;
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  #isGivenUp = false;

  constructor(parts: ContextParts, slot: number, sequence: number, untilMs: number) {
    this.log = parts.log;
    this.#parts = parts;
    this.#slot = slot;
    this.#sequence = sequence;
    this.#untilMs = untilMs;
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

  get traceparent(): string | undefined {
    return this.#over ? undefined : this.#parts.traceOf(this.#slot, this.#sequence);
  }

  get signal(): AbortSignal {
    if (this.#controller) return signalOf(this.#controller);
    const controller = this.#controller = new Controller();
    if (this.#isGivenUp) abort(controller);
    else if (!this.#over) {
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

/** Makes the contexts of a worker's calls, and fires their signals when the client has given the call up. */
export class CallContexts {
  readonly #parts: ContextParts;
  /** By slot index: the context of the call that runs there. */
  readonly #running: (CallContext | undefined)[] = [];

  constructor(parts: ContextParts, depth: number) {
    this.#parts = parts;
    for (let i = 0; i < depth; i++) this.#running[i] = undefined;
  }

  /** Wraps a function that takes a context into one that takes bytes alone. */
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

  /** Ends the context of the call in this slot. */
  end(slot: number): void {
    const context = this.#running[slot];
    if (context === undefined) return;
    this.#running[slot] = undefined;
    finish(context);
  }

  /** Fires the signal of the call in this slot: the client has given it up. */
  giveUp(slot: number): void {
    const context = this.#running[slot];
    if (context !== undefined) giveUp(context);
  }

  #begin(slot: number): CallContext {
    const { watch } = this.#parts;
    const at = SLOT_WATCH + slot * SLOT_WATCH_WORDS;
    const timeLeft = watch[at + WATCH_TIME_LEFT]!;
    const untilMs = timeLeft === UNLIMITED ? Infinity : nowMs() + timeLeftMs(timeLeft);
    const sequence = watch[at + WATCH_SEQUENCE]!;
    return this.#running[slot] = new CallContext(this.#parts, slot, sequence, untilMs);
  }
}
