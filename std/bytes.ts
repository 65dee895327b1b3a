/**
 * Byte arrays: `@std/bytes`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./bytes.d.ts"
export { concat } from "npm:deno-std@1.4.0/bytes/concat.js";
