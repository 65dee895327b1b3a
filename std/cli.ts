/**
 * Command lines: `@std/cli`, with the types that its npm package lacks.
 *
 * `unicodeWidth` is left out: the package lacks the table that it reads.
 *
 * @module
 */

// @ts-types="./cli.d.ts"
export { parseArgs } from "npm:deno-std@1.4.0/cli/parse_args.js";
