/** The promises of a package's asynchronous functions: foreign objects, which may be thenables of any kind. */

// Bound before foreign code loads: it may replace properties of prototypes.
const call = Function.prototype.call;
const resolved: (value: unknown) => Promise<unknown> = Promise.resolve.bind(Promise);
const then: (
  promise: Promise<unknown>,
  ok: (value: unknown) => void,
  failed: (error: unknown) => void,
) => unknown = call.bind(Promise.prototype.then);

/** Calls `ok` or `failed`, once, when `result` has settled. */
export function whenSettled(
  result: unknown,
  ok: (value: unknown) => void,
  failed: (error: unknown) => void,
): void {
  try {
    then(resolved(result), ok, failed);
  } catch (error) { // a thenable may throw when its `then` is read
    failed(error);
  }
}
