/**
 * Colors of a terminal: `@std/fmt/colors`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./colors.d.ts"
export { bold, cyan, dim, green, inverse, red, yellow } from "npm:deno-std@1.4.0/fmt/colors.js";
