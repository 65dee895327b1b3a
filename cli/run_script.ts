/** Commands that run another program of this repository. */

/** The program failed and has printed why. */
export class ScriptFailedError extends Error {
  override name = "ScriptFailedError";
  readonly status: number;
  constructor(status: number) {
    super(`Cannot finish the program: it ended with exit status ${status}`);
    this.status = status;
  }
}

/**
 * Runs a program with this Deno and returns its exit status. The program shares the terminal, so a Ctrl-C reaches it.
 * SIGTERM is forwarded.
 *
 * @throws {Error} If the program does not exist.
 */
export async function runScript(script: URL, args: readonly string[]): Promise<number> {
  const exists = await Deno.stat(script).then(() => true, () => false);
  if (!exists) {
    throw new Error(
      `Cannot run ${script.pathname}: there is no such file; installed packages have neither the demo nor the benchmarks, a clone of the repository has both`,
    );
  }
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", script.href, ...args],
    env: { NODE_OPTIONS: "" }, // --inspect would open the port of this process again
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  const forward = () => child.kill("SIGTERM");
  const leaveToChild = () => {};
  Deno.addSignalListener("SIGTERM", forward);
  Deno.addSignalListener("SIGINT", leaveToChild);
  try {
    return (await child.status).code;
  } finally {
    Deno.removeSignalListener("SIGTERM", forward);
    Deno.removeSignalListener("SIGINT", leaveToChild);
  }
}
