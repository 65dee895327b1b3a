/** Calls through rfaas as contenders: synchronous, prepared and plain. */

import type { Lease, PreparedCall } from "../mod.ts";
import { type Contender, timeAsync } from "./contender.ts";

/** `call.invokeSync()`: the hot path. @param name the function; it answers with as many bytes. */
export function invokeSyncContender(
  lease: Lease,
  cycles: () => number,
  name = "echo",
): Contender {
  const path = name === "echo" ? "rfaas invokeSync" : `rfaas invokeSync ${name}`;
  return prepared(path, lease, name, (call, payload, times) => {
    const { length } = payload;
    call.input.set(payload);
    let before = cycles();
    for (let i = 0; i < times.length; i++) {
      call.invokeSync(length);
      const now = cycles();
      times[i] = now - before;
      before = now;
    }
  });
}

/** `await call.invoke()`: the same memory, without blocking the event loop. */
export function preparedInvokeContender(lease: Lease, cycles: () => number): Contender {
  return prepared("rfaas prepared invoke", lease, "echo", (call, payload, times) => {
    call.input.set(payload);
    return timeAsync(cycles, times, () => call.invoke(payload.length));
  });
}

/** `await lease.invoke()`: argument copied in, result copied out. */
export function invokeContender(lease: Lease, cycles: () => number): Contender {
  return {
    path: "rfaas invoke",
    measure: (payload, times) => timeAsync(cycles, times, () => lease.invoke("echo", payload)),
    async [Symbol.asyncDispose]() {},
  };
}

function prepared(
  path: string,
  lease: Lease,
  name: string,
  run: (call: PreparedCall, payload: Uint8Array, times: Float64Array) => Promise<void> | void,
): Contender {
  return {
    path,
    async measure(payload, times) {
      using call = lease.prepare(name, {
        bytes: payload.length,
        resultBytes: payload.length,
        worker: 0,
      });
      await run(call, payload, times);
    },
    async [Symbol.asyncDispose]() {},
  };
}
