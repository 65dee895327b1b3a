/** A terminal as a library; the one importer of @xterm/headless, a CommonJS module. */
export { default as xterm } from "npm:@xterm/headless@6.0.0";
