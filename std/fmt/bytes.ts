/**
 * Sizes for people: `@std/fmt/bytes`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./bytes.d.ts"
export { format } from "npm:deno-std@1.4.0/fmt/bytes.js";
