/** Commands that are programs of their own in this repository. */

/** The program failed and has said why. */
export class ScriptFailed extends Error {
  override name = "ScriptFailed";
  readonly status: number;
  constructor(status: number) {
    super(`Cannot finish: the program ended with exit status ${status}`);
    this.status = status;
  }
}

/**
 * Runs a program with this Deno and gives its exit status. It shares the terminal, so that a Ctrl-C reaches it;
 * SIGTERM is passed on.
 *
 * @throws {Error} if there is no such program.
 */
export async function runScript(script: URL, args: readonly string[]): Promise<number> {
  const exists = await Deno.stat(script).then(() => true, () => false);
  if (!exists) throw new Error(`Cannot run ${script.pathname}: there is no such program`);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", script.href, ...args],
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const passOn = () => child.kill("SIGTERM");
  const leaveToChild = () => {};
  Deno.addSignalListener("SIGTERM", passOn);
  Deno.addSignalListener("SIGINT", leaveToChild);
  try {
    return (await child.status).code;
  } finally {
    Deno.removeSignalListener("SIGTERM", passOn);
    Deno.removeSignalListener("SIGINT", leaveToChild);
  }
}
