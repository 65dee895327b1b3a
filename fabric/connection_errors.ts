/** Errors that both providers throw in the same states. The checks themselves stay inline, where a message passes. */

import { FabricError } from "./errors.ts";
import type { Connection } from "./fabric.ts";

/** The error of an operation that needs a connected peer; `what` completes "Cannot …". */
export function notConnected(
  { state, reason }: Pick<Connection, "state" | "reason">,
  what: string,
): FabricError {
  return new FabricError(`Cannot ${what}: the connection is ${state} (${reason})`, "state");
}

/** The error of a signaled request when `depth` completions wait to be polled. */
export function completionsNotPolled(depth: number): FabricError {
  return new FabricError(
    `Cannot post a request: ${depth} completions have not been polled`,
    "full",
  );
}

/** The error of a receive when all `depth` places of the queue are taken. */
export function receiveQueueFull(depth: number): FabricError {
  return new FabricError(`Cannot post a receive: ${depth} are posted already`, "full");
}

/** The error of a second answer to a connection request. */
export function answeredBefore(): FabricError {
  return new FabricError("Cannot answer the connection request: it was answered before", "state");
}
