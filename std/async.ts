/**
 * Promises with a bound: `@std/async`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./async.d.ts"
export { abortable, deadline, delay } from "../vendor/std_async.js";
