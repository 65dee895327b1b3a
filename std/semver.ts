/**
 * Versions: `@std/semver`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./semver.d.ts"
export { greaterOrEqual } from "npm:deno-std@1.4.0/semver/greater_or_equal.js";
// @ts-types="./semver.d.ts"
export { parse } from "npm:deno-std@1.4.0/semver/parse.js";
