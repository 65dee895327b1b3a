/** Runs the commands of Slurm. */

/** How long slurmctld may take to respond. */
const TIMEOUT_MS = 10_000;

/**
 * Returns what a command prints, without white space at the ends.
 *
 * @param aim What the output is for, such as `list the nodes of Slurm`.
 * @throws {Error} If the command is missing or fails, or slurmctld does not respond.
 */
export async function slurmOutput(
  aim: string,
  program: string,
  ...args: readonly string[]
): Promise<string> {
  const { success, stdout, stderr } = await run(program, args);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`Cannot ${aim}: ${text(stderr) || "no response"}`);
  return text(stdout);
}

async function run(program: string, args: readonly string[]): Promise<Deno.CommandOutput> {
  try {
    return await new Deno.Command(program, {
      args: [...args],
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
  } catch (cause) {
    throw new Error(`Cannot run ${program}`, { cause });
  }
}
