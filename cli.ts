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

if (import.meta.main) Deno.exit(await runCli(Deno.args));
