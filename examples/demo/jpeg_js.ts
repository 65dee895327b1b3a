/** The codec of the demo. */
export { default as jpeg } from "npm:jpeg-js@0.4.4";
