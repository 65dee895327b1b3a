/** The object by which Deno's own modules share what programs are not meant to use. */

/** Deno's class of consoles. It formats as the usual one does, and prints by a function. */
export type ConsoleClass = new (print: (text: string, level: number) => void) => Console;

interface Holder {
  readonly internal: symbol;
  [internals: symbol]: { readonly Console: ConsoleClass };
}

export function consoleClass(): ConsoleClass {
  const holder = Deno as unknown as Holder;
  return holder[holder.internal]!.Console;
}

/**
 * Removes the object. Code that has it can close any resource of its thread by number: libraries of the runtime too,
 * whose machine code is unmapped then, while calls still jump there.
 */
export function removeInternals(): void {
  const holder = Deno as unknown as Holder;
  delete holder[holder.internal];
}
