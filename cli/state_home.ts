/** Where the managers keep their state if no folder is given. */

/**
 * The folder of one manager below XDG_STATE_HOME (XDG Base Directory Specification).
 *
 * @throws {TypeError} if neither XDG_STATE_HOME nor HOME is set.
 */
export function defaultStateDir(manager: string): string {
  const given = Deno.env.get("XDG_STATE_HOME");
  // The specification says that a relative path is to be ignored.
  if (given?.startsWith("/")) return `${given}/rfaas/${manager}`;
  const home = Deno.env.get("HOME");
  if (!home) {
    throw new TypeError("Cannot choose a state folder: HOME is not set, give one with --state");
  }
  return `${home}/.local/state/rfaas/${manager}`;
}
