/** The adapter between requests of `node:http` and those of `fetch`. This is the only file that names its version. */
export { getRequestListener, RequestError } from "npm:@hono/node-server@2.1.9";
