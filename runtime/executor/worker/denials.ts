/**
 * Calls that foreign code was denied and whose errors nothing handles: many modules of `node:` report them by events, in
 * ticks, or by promises that no code awaits. Nothing has happened then, so the thread may go on. So it may when a worker
 * that the package started has ended. Any other error that nothing handles ends the thread, since the state that it left
 * behind is unknown.
 */

import { whenSettled } from "./foreign_promise.ts";

// Bound before foreign code loads.
const call = Function.prototype.call;
const listen = addEventListener;
const unlisten = removeEventListener;
const Wait = Promise;
const toText = String;
const TypeFailure = TypeError;
const { NotCapable, NotFound } = Deno.errors;
const isA: (type: unknown, value: unknown) => boolean = call.bind(
  Function.prototype[Symbol.hasInstance],
);
const getter = <T>(type: { prototype: object }, name: string): (event: Event) => T =>
  call.bind(Object.getOwnPropertyDescriptor(type.prototype, name)!.get!);
const errorOf = getter<unknown>(ErrorEvent, "error");
const reasonOf = getter<unknown>(PromiseRejectionEvent, "reason");
const isPrevented = getter<boolean>(Event, "defaultPrevented");
const prevent: (event: Event) => void = call.bind(Event.prototype.preventDefault);
const indexOf: (text: string, part: string) => number = call.bind(String.prototype.indexOf);
const slice: (text: string, from: number, to?: number) => string = call.bind(
  String.prototype.slice,
);

/** What Deno appends to its message, for people who started it. */
const DENO_ADVICE = ", run again with ";
/** The permissions that a lease may request. */
const REQUESTED = ["net", "read", "env"];
/** The codes of a name that `node:dns` may not look up. */
const DENIED_CODES = ["EPERM", "EACCES", "UNKNOWN"];

/** The end of Deno's message where the kernel refuses to let a file grow. */
const EFBIG_TEXT = "(os error 27)";

/** Deno's message where a worker has ended by an error and has no listener. It shares no state with this thread. */
const CHILD_TEXT = "Unhandled error in child worker.";

/** Where Deno lists files by a pattern. It takes a folder that may not be read for one that is there, and fails by a type. */
const GLOB_MODULE = "ext:deno_node/_fs/_fs_glob";

/** What was denied, in the form of an error. It has no prototype: foreign code may have changed the usual one. */
export interface Denial {
  /** `NotFound`: a file that may not be read, which appears to be absent. `Error`: a worker that the package started. */
  readonly name: "NotCapable" | "NotFound" | "Error";
  readonly message: string;
  readonly stack: "";
  readonly cause: unknown;
}

/** Keeps errors of denied calls from ending the thread. */
export class Denials {
  /** Called with each. */
  onDenied: (denial: Denial) => void = () => {};

  readonly #onError = (event: Event) => this.#catch(event, errorOf);
  readonly #onRejection = (event: Event) => this.#catch(event, reasonOf);

  /** Listens. Listeners that were added before this call come first, and what they handle is left to them. */
  listen(): void {
    unlisten("error", this.#onError);
    unlisten("unhandledrejection", this.#onRejection);
    listen("error", this.#onError);
    listen("unhandledrejection", this.#onRejection);
  }

  /** Settles as `work` does, or is rejected with the first denial meanwhile. */
  during<T>(work: Promise<T>): Promise<T> {
    return new Wait((resolve, reject) => {
      this.onDenied = reject;
      whenSettled(work, (value) => resolve(value as T), reject);
    });
  }

  #catch(event: Event, thrownOf: (event: Event) => unknown): void {
    try {
      if (isPrevented(event)) return;
      const thrown = thrownOf(event);
      const denial = denialOf(thrown);
      if (denial === undefined) return;
      prevent(event);
      this.onDenied(denial);
    } catch { /* an event or an error that foreign code made: its getters may throw */ }
  }
}

/** Returns `undefined` if the error reports something else. */
function denialOf(thrown: unknown): Denial | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  const { code, syscall, message, stack } = thrown as Record<string, unknown>;
  const text = toText(message);
  if (isA(NotCapable, thrown)) return denial("NotCapable", withAdvice(text), thrown);
  if (code === "EFBIG" || indexOf(text, EFBIG_TEXT) >= 0) { // by the kernel's limit of the process
    return denial("NotCapable", withAdvice("Requires write access"), thrown);
  }
  if (typeof syscall === "string" && indexOf(syscall, "spawn") === 0) {
    return denial("NotCapable", withAdvice("Requires run access"), thrown);
  }
  if (isA(NotFound, thrown) || (code === "ENOENT" && typeof syscall === "string")) {
    const advice = "if it exists, request to read it in the lease's `permissions`";
    return denial("NotFound", `${text}, ${UNHANDLED}: ${advice}`, thrown);
  }
  if (isA(TypeFailure, thrown) && indexOf(toText(stack), GLOB_MODULE) >= 0) {
    const advice = "request to read it in the lease's `permissions`";
    return denial(
      "NotFound",
      `glob() of a folder that may not be read, ${UNHANDLED}: ${advice}`,
      thrown,
    );
  }
  if (text === CHILD_TEXT) {
    const advice = "add an `error` listener to the worker";
    return denial("Error", `${slice(text, 0, text.length - 1)}, ${UNHANDLED}: ${advice}`, thrown);
  }
  if (typeof syscall !== "string") return undefined;
  for (let i = 0; i < DENIED_CODES.length; i++) {
    if (code !== DENIED_CODES[i]) continue;
    return denial("NotCapable", withAdvice(`Requires net access: ${text}`), thrown);
  }
  return undefined;
}

function denial(name: Denial["name"], message: string, cause: unknown): Denial {
  return { __proto__: null, name, message, stack: "", cause } as Denial;
}

/** Replaces Deno's advice by what a client can do. */
function withAdvice(text: string): string {
  const end = indexOf(text, DENO_ADVICE);
  const denied = end < 0 ? text : slice(text, 0, end);
  for (let i = 0; i < REQUESTED.length; i++) {
    if (indexOf(denied, `Requires ${REQUESTED[i]} access`) !== 0) continue;
    return `${denied}, ${UNHANDLED}: request it in the lease's \`permissions\``;
  }
  // The name of a program may be the host's path of Deno.
  const detail = indexOf(denied, ' to "');
  const kind = detail < 0 || indexOf(denied, "Requires run") !== 0
    ? denied
    : slice(denied, 0, detail);
  return `${kind}, ${UNHANDLED}: functions never have this permission`;
}
const UNHANDLED = "and nothing handles the error";
