/**
 * Durations for people: `@std/fmt/duration`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./duration.d.ts"
export { format } from "npm:deno-std@1.4.0/fmt/duration.js";
