/** What functions may know of their lease, and the hooks that are called at its beginning and its end. */

import type { Connection } from "../../fabric/fabric.ts";
import { DISPOSE_MS } from "../policy.ts";
import type { LeaseContext } from "../functions/function_context.ts";
import { type ArenaLayout, GIVEN_UP_AT } from "../protocol/wire.ts";
import type { Hook } from "./load_package.ts";
import { LogGate } from "./log_gate.ts";
import type { WorkerTask } from "./worker_task.ts";

// Held before foreign code is loaded.
const setTimer = setTimeout;
const Wait = Promise;
const Failure = Error;
const TypeFailure = TypeError;

/** @param send sends a line to the client; not called when it wants none. */
export function leaseContext(
  task: WorkerTask,
  watch: Int32Array,
  send: (text: string) => void,
): LeaseContext {
  const gate = task.logs ? new LogGate(send, watch, 1 / task.workers) : undefined;
  return Object.freeze({
    __proto__: null,
    lease: task.lease,
    worker: task.place,
    log: (text: string) => gate?.log(text),
  }) as unknown as LeaseContext;
}

/** By slot, the word in which the client says which call it has given up. */
export function givenUpWords(
  connection: Connection,
  layout: ArenaLayout,
  depth: number,
  firstSequence: number,
): Int32Array[] {
  return Array.from({ length: depth }, (_, slot) => {
    const at = layout.inboundAt + slot * layout.stride + GIVEN_UP_AT;
    return new Int32Array(connection.buffer(at, 4)).fill(firstSequence); // no call's number
  });
}

/** Awaits `init`; what it throws keeps the package from being served. */
export async function runInit(init: Hook, lease: LeaseContext): Promise<void> {
  try {
    await init(lease);
  } catch (error) {
    throw toldOfInit(error);
  }
}

/** Its name and what it says, with the word that it was `init`. Whatever was thrown is foreign. */
function toldOfInit(thrown: unknown): Error {
  let name = "thrown";
  let message = "a value that cannot be shown";
  try {
    const { name: foreignName, message: foreignMessage } = Object(thrown) as Record<
      string,
      unknown
    >;
    if (typeof foreignName === "string") name = foreignName;
    message = typeof foreignMessage === "string" ? foreignMessage : `${thrown}`;
  } catch { /* it will not be shown */ }
  const failure = name === "TypeError" ? new TypeFailure() : new Failure();
  failure.message = `init threw ${name}: ${message}`;
  return failure;
}

/** Awaits `dispose`, for a bounded time: the lease is over, and what it throws is nobody's. */
export async function runDispose(dispose: Hook, lease: LeaseContext): Promise<void> {
  await new Wait<void>((resolve) => {
    setTimer(resolve, DISPOSE_MS);
    (async () => {
      try {
        await dispose(lease);
      } catch { /* nobody is left to be told */ }
      resolve();
    })();
  });
}
