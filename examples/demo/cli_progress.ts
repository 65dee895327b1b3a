/**
 * cli-progress, as far as the demo uses it, with the types that it lacks.
 *
 * @module
 */
// deno-lint-ignore-file no-import-prefix -- the import map does not reach who imports this elsewhere

// @ts-types="./cli_progress.d.ts"
import cliProgress from "npm:cli-progress@3.12.0";

/** A bar in one line of a terminal, redrawn in place. */
export const SingleBar = cliProgress.SingleBar;
