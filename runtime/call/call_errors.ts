/** The errors of a call: those of its reply, and those that are known without one. */

import type { ClientSlot } from "./client_slot.ts";
import {
  Busy,
  DeadlineExceeded,
  FunctionError,
  LeaseOver,
  LimitExceeded,
  ResultTooLong,
  RfaasError,
  UnknownFunction,
} from "../errors.ts";
import { CallStatus } from "../protocol/wire.ts";

/** What a reply other than "ok" stands for; the payload holds what the function threw. */
export function replyError(slot: ClientSlot, functionName: string): RfaasError {
  switch (slot.status) {
    case CallStatus.THREW:
      return thrownError(slot, functionName);
    case CallStatus.UNKNOWN_FUNCTION:
      return new UnknownFunction(
        `Cannot call ${functionName}: the package exports no such function`,
      );
    case CallStatus.RESULT_TOO_LARGE:
      return new ResultTooLong(
        `Cannot take the result of ${functionName}: it has ${slot.length} bytes, there is room for ${slot.capacity}`,
      );
    case CallStatus.BUSY:
      return new Busy(`Cannot call ${functionName}: the worker is busy`);
    case CallStatus.DRAINING:
    case CallStatus.LEASE_OVER:
      return new LeaseOver(`Cannot call ${functionName}: the lease is ending`);
    case CallStatus.LIMIT:
      return new LimitExceeded(
        `Cannot finish ${functionName}: it passed a limit of the lease`,
        "call",
      );
    default:
      return new RfaasError(
        `Cannot call ${functionName}: the worker answered with status ${slot.status}`,
      );
  }
}

function thrownError(slot: ClientSlot, functionName: string): FunctionError {
  const length = Math.min(Math.max(slot.length, 0), slot.output.length);
  const text = new TextDecoder().decode(slot.output.slice(0, length));
  const [name = "", message = "", stack = ""] = text.split("\0");
  if (length === 0) {
    return new FunctionError(`${functionName} detached the buffer of its slot`, "TypeError", "");
  }
  return new FunctionError(`${functionName} threw ${name}: ${message}`, name, stack);
}

export function unknownFunction(name: string, functions: Iterable<string>): UnknownFunction {
  const known = [...functions].join(", ");
  return new UnknownFunction(
    `Cannot call ${name}: the package exports no such function, only ${known}`,
  );
}

/** The worker names a length that it was told not to pass. */
export function impossibleLength(name: string, slot: ClientSlot): RfaasError {
  return new ResultTooLong(
    `Cannot take the result of ${name}: its length ${slot.length} is not from 0 to ${slot.capacity}`,
  );
}

export function deadlineError(name: string, deadlineMs: number): DeadlineExceeded {
  return new DeadlineExceeded(`Cannot wait longer for ${name}: ${deadlineMs} ms have passed`);
}
