/** What an executor wrote to standard error before it exited, in a form for its client. */

/** The most characters of the line. */
const MAX_CHARACTERS = 300;
/** Sequences that a terminal acts on (ECMA-48), and other controls. */
const CONTROLS = /\p{Cc}\[[0-9;]*[A-Za-z]|\p{Cc}/gu;

/**
 * Returns the last line, unless it may show something of the host: paths, or the report of a panic, which lists the
 * command line of Deno.
 */
export function exitText(stderr: string): string | undefined {
  if (stderr.includes("Deno has panicked")) return "Deno panicked";
  const lines = stderr.split("\n").map((line) => line.replace(CONTROLS, "").trim());
  const last = lines.findLast((line) => line !== "");
  return last === undefined || last.includes("/") ? undefined : last.slice(0, MAX_CHARACTERS);
}
