import { type RefusalCode, RefusalError } from "./refusal.ts";
import {
  NotLeaderError,
  OutcomeUnknownError,
  StateNotKeptError,
  StoreUnreachableError,
} from "./store/store_errors.ts";

/** The time after which a client may retry: elections and short failures of etcd take about as long. */
const RETRY_AFTER_SECONDS = 1;

/** The refusal for an error of the store; undefined for any other error. */
export function refusalOfStore(error: unknown): RefusalError | undefined {
  const code = codeOf(error);
  if (code === undefined) return undefined;
  return new RefusalError(503, code, (error as Error).message, RETRY_AFTER_SECONDS);
}

function codeOf(error: unknown): RefusalCode | undefined {
  if (error instanceof NotLeaderError) return "not-leader";
  if (error instanceof StoreUnreachableError) return "no-store";
  if (error instanceof OutcomeUnknownError) return "outcome-unknown";
  if (error instanceof StateNotKeptError) return "no-state";
  return undefined;
}
