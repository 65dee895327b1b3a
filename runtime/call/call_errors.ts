/** The errors of a call, from its reply or without one. */

import type { ClientSlot } from "./client_slot.ts";
import {
  BusyError,
  DeadlineExceededError,
  ExecutorLostError,
  FunctionError,
  LeaseOverError,
  LimitExceededError,
  ResultTooLongError,
  RfaasError,
  UnknownFunctionError,
} from "../errors.ts";
import { CallStatus } from "../protocol/wire.ts";
import { functionError, type StackTranslator } from "./thrown_error.ts";

/** The error of a reply whose status is not OK. Its payload holds what the function threw. */
export function replyError(
  slot: ClientSlot,
  functionName: string,
  translate: StackTranslator,
): RfaasError {
  switch (slot.status) {
    case CallStatus.THREW:
      return thrownError(slot, functionName, translate);
    case CallStatus.UNKNOWN_FUNCTION:
      return new UnknownFunctionError(
        `Cannot call ${functionName}: the package exports no such function`,
      );
    case CallStatus.RESULT_TOO_LARGE:
      return new ResultTooLongError(
        `Cannot return result of ${functionName}: it has ${slot.length} bytes, the output buffer has ${slot.capacity}`,
      );
    case CallStatus.BUSY:
      return new BusyError(`Cannot call ${functionName}: all cores of the node are busy`);
    case CallStatus.DRAINING:
      return new LeaseOverError(`Cannot call ${functionName}: its node drains`, "draining");
    case CallStatus.LEASE_OVER:
      return new LeaseOverError(`Cannot call ${functionName}: the lease is ending`, "other");
    case CallStatus.LIMIT:
      return new LimitExceededError(
        `Cannot finish ${functionName}: it exceeded a limit of the lease`,
        "call",
      );
    default:
      return new RfaasError(
        `Cannot call ${functionName}: the reply has unknown status ${slot.status}`,
      );
  }
}

function thrownError(
  slot: ClientSlot,
  functionName: string,
  translate: StackTranslator,
): RfaasError {
  const length = Math.min(Math.max(slot.length, 0), slot.output.length);
  if (length === 0) {
    return new FunctionError(`${functionName} detached the buffer of its slot`, "TypeError", "");
  }
  return functionError(functionName, slot.output.slice(0, length), translate);
}

export function unknownFunction(name: string, functions: Iterable<string>): UnknownFunctionError {
  const known = [...functions].join(", ");
  return new UnknownFunctionError(
    `Cannot call ${name}: the package exports no such function, only ${known}`,
  );
}

/** The error of a reply whose length exceeds the capacity of its request. */
export function impossibleLength(name: string, slot: ClientSlot): RfaasError {
  return new ResultTooLongError(
    `Cannot return result of ${name}: expected a length from 0 to ${slot.capacity}, not ${slot.length}`,
  );
}

/** The error of a call whose buffer for the result became shorter after the call was sent. */
export function outputGone(name: string): TypeError {
  return new TypeError(
    `Cannot return result of ${name}: its output was transferred or resized during the call`,
  );
}

export function deadlineError(name: string, deadlineMs: number): DeadlineExceededError {
  return new DeadlineExceededError(
    `Cannot finish ${name}: its deadline of ${deadlineMs} ms has passed`,
  );
}

/** The error of a prepared call whose buffer was replaced after its argument was written. */
export function replacedError(name: string, by: "executor" | "deadline"): Error {
  const what = `Cannot call ${name}: the buffer was replaced when`;
  const then = "rewrite input before the next call";
  return by === "executor"
    ? new ExecutorLostError(`${what} the executor was lost or moved, ${then}`, "not-run")
    : new TypeError(`${what} a call was given up, ${then}`);
}
