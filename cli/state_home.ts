/** The default folders for the managers' state. */

/**
 * The folder of one manager below XDG_STATE_HOME (XDG Base Directory Specification).
 *
 * @throws {TypeError} If neither XDG_STATE_HOME nor HOME is set.
 */
export function defaultStateDir(manager: string): string {
  const stateHome = Deno.env.get("XDG_STATE_HOME");
  // The specification requires that a relative path is ignored.
  if (stateHome?.startsWith("/")) return `${stateHome}/rfaas/${manager}`;
  const home = Deno.env.get("HOME");
  if (!home) throw new TypeError("Cannot choose a state folder: HOME is not set, use --state");
  return `${home}/.local/state/rfaas/${manager}`;
}
