/** The progress bars of the demo, with types, which the package lacks. */
// @ts-types="./cli_progress.d.ts"
export { default as cliProgress } from "npm:cli-progress@3.12.0";
