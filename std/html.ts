/**
 * HTML entities: `@std/html`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./html.d.ts"
export { escape, unescape } from "npm:deno-std@1.4.0/html/entities.js";
