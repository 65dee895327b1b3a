/**
 * A process that serves the functions of a module over HTTP: `POST /name` with the argument as the body. The first
 * argument is the URL of the module, the second the size of the output buffer in bytes. Its first line is its address.
 *
 * @module
 */
import { loadFunctions } from "./thread_words.ts";

const [module = "", maxBytes = ""] = Deno.args;
const functions = await loadFunctions(module);
const output = new Uint8Array(Number(maxBytes));
const ended = new Response(Deno.stdin.readable).text();

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }) => console.log(`http://127.0.0.1:${port}/`),
}, async (request) => {
  const call = functions.get(new URL(request.url).pathname.slice(1));
  if (!call) return new Response("no such function", { status: 404 });
  const input = new Uint8Array(await request.arrayBuffer());
  try {
    return new Response(output.slice(0, await call(input, output)));
  } catch (error) {
    return new Response(String(error), { status: 500 });
  }
});
await ended;
await server.shutdown();
