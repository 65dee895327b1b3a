/** A method that a test replaces for a while, for faults that no test can cause. */

/** Replaces a method of an object or a prototype until it is disposed. */
export function replacedMethod<T extends object, K extends keyof T>(
  owner: T,
  name: K,
  method: T[K],
): Disposable {
  const original = owner[name];
  owner[name] = method;
  return {
    [Symbol.dispose]() {
      owner[name] = original;
    },
  };
}
