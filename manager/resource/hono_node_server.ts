/** From requests of `node:http` to those of `fetch`, and back; the version stands here and nowhere else. */
export { getRequestListener, RequestError } from "npm:@hono/node-server@2.1.9";
