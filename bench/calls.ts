/** Calls through rfaas as contenders: synchronous, prepared and plain. */

import type { Lease } from "../mod.ts";
import { type Contender, timeAsync } from "./contender.ts";

export interface InvokeSyncOptions {
  /** The name in reports. @default {"rfaas invokeSync"} */
  readonly path?: string;
  /** The function. It returns as many bytes as it receives. @default {"echo"} */
  readonly name?: string;
  /** Whether the argument is written for each call. @default {true} */
  readonly writes?: boolean;
  /** Whether the result is copied out after each call. @default {false} */
  readonly reads?: boolean;
  /** See {@linkcode Contender.restMs}. */
  readonly restMs?: number;
}

/** `call.invokeSync()`: the hot path. */
export function invokeSyncContender(
  lease: Lease,
  cycles: () => number,
  options: InvokeSyncOptions = {},
): Contender {
  const { path = "rfaas invokeSync", name = "echo", writes = true, reads = false } = options;
  return {
    path,
    restMs: options.restMs ?? 0,
    measure(payload, times) {
      const { length } = payload;
      using call = lease.prepare(name, { bytes: length, resultBytes: length, worker: 0 });
      const { input, output } = call;
      const result = new Uint8Array(length);
      input.set(payload);
      call.invokeSync(length); // the worker may sleep
      let before = cycles();
      for (let i = 0; i < times.length; i++) {
        if (writes) input.set(payload);
        call.invokeSync(length);
        if (reads) result.set(output);
        const now = cycles();
        times[i] = now - before;
        before = now;
      }
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** `await call.invoke()`: the same memory, with a free event loop. */
export function preparedInvokeContender(
  lease: Lease,
  cycles: () => number,
  restMs = 0,
): Contender {
  return {
    path: "rfaas prepared invoke",
    restMs,
    async measure(payload, times) {
      const { length } = payload;
      using call = lease.prepare("echo", { bytes: length, resultBytes: length, worker: 0 });
      call.input.set(payload);
      await call.invoke(length);
      await timeAsync(cycles, times, () => {
        call.input.set(payload);
        return call.invoke(length);
      });
    },
    async [Symbol.asyncDispose]() {},
  };
}

export interface InvokeOptions {
  /** The name in reports. @default {"rfaas invoke"} */
  readonly path?: string;
  /** Whether the result is written to an array of the caller. @default {false} */
  readonly hasOutput?: boolean;
  /** See {@linkcode Contender.restMs}. */
  readonly restMs?: number;
}

/** `await lease.invoke()`: argument copied in, result copied out. */
export function invokeContender(
  lease: Lease,
  cycles: () => number,
  { path = "rfaas invoke", hasOutput = false, restMs = 0 }: InvokeOptions = {},
): Contender {
  return {
    path,
    restMs,
    async measure(payload, times) {
      const options = hasOutput ? { output: new Uint8Array(payload.length) } : {};
      await lease.invoke("echo", payload, options);
      await timeAsync(cycles, times, () => lease.invoke("echo", payload, options));
    },
    async [Symbol.asyncDispose]() {},
  };
}
