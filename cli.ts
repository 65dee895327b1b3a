/**
 * The `rfaas` command.
 *
 * @example
 * ```sh
 * deno run -A cli.ts --help
 * ```
 *
 * @module
 */
import { runCli } from "./cli/run_cli.ts";

if (import.meta.main) {
  const { createProgram } = Deno.args[0] === "slurm"
    ? await import("./cli/slurm_program.ts")
    : await import("./cli/program.ts");
  Deno.exit(await runCli(createProgram(), Deno.args));
}
