/**
 * Distances of texts: `@std/text`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./text.d.ts"
export { levenshteinDistance } from "../vendor/std_text.js";
