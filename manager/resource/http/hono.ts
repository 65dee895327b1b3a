/** The parts of Hono that the resource manager uses. This is the only file that names its version. */
export { type Context, Hono } from "npm:hono@4.13.19";
