/** What an asynchronous function of a package gives: a promise, or what passes for one. All of it is foreign. */

// Held before foreign code is loaded: it may replace what hangs on the prototypes.
const call = Function.prototype.call;
const resolved: (value: unknown) => Promise<unknown> = Promise.resolve.bind(Promise);
const then: (
  promise: Promise<unknown>,
  ok: (value: unknown) => void,
  failed: (error: unknown) => void,
) => unknown = call.bind(Promise.prototype.then);

/** Calls one of both, once, when `result` has settled. */
export function whenSettled(
  result: unknown,
  ok: (value: unknown) => void,
  failed: (error: unknown) => void,
): void {
  try {
    then(resolved(result), ok, failed);
  } catch (error) { // a promise that throws when it is read
    failed(error);
  }
}
