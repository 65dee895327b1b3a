/**
 * Streams of text: `@std/streams`, with the types that its npm package lacks.
 *
 * @module
 */

// @ts-types="./streams.d.ts"
export { TextLineStream } from "npm:deno-std@1.4.0/streams/text_line_stream.js";
