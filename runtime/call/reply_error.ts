/** The error that a reply other than "ok" stands for. */

import type { ClientSlot } from "./client_slot.ts";
import {
  Busy,
  FunctionError,
  LeaseOver,
  LimitExceeded,
  ResultTooLong,
  RfaasError,
  UnknownFunction,
} from "../errors.ts";
import { CallStatus } from "../protocol/wire.ts";

/** Reads the slot of a failed call; the payload holds what the function threw. */
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
