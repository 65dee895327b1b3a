/**
 * CSV files: `@std/csv`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./csv.d.ts"
export { stringify } from "npm:deno-std@1.4.0/csv/stringify.js";
