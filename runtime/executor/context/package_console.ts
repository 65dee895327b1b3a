/** The console of a package: what it prints becomes lines of the lease's log. */

import type { LogLevel } from "../../control/log_relay.ts";
import type { ConsoleClass } from "./deno_internals.ts";
import type { LogGate } from "./log_gate.ts";
import { withoutRuntimeFrames } from "./runtime_frames.ts";

// Bound before foreign code loads.
const slice: (text: string, from: number, to: number) => string = Function.prototype.call.bind(
  String.prototype.slice,
);

/** The levels that Deno's consoles print with, by number. `console.trace()` prints with the last one, and twice. */
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error", "debug"];
const TRACE = 4;

/**
 * Replaces the methods of the global console.
 *
 * @param Console Deno's class of consoles.
 * @param gate limits and sends the lines. Left out: the package prints nothing.
 */
export function replaceConsole(Console: ConsoleClass, gate: LogGate | undefined): void {
  const own = gate && new Console((text, level) => {
    if (level === TRACE && text === "\n") return;
    const end = text.length - (text[text.length - 1] === "\n" ? 1 : 0);
    gate.log(withoutRuntimeFrames(slice(text, 0, end)), LEVELS[level] ?? "info");
  });
  const methods = console as unknown as Record<string, unknown>;
  for (const name of Object.keys(methods)) {
    if (typeof methods[name] !== "function") continue;
    methods[name] = own?.[name as keyof Console] ?? (() => {});
  }
}
