/** The parts of Hono that the resource manager uses; the version stands here and nowhere else. */
export { type Context, Hono, type MiddlewareHandler } from "npm:hono@4.13.19";
