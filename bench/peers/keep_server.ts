/**
 * Runs a server that ignores its standard input, and ends it when the standard input of this process ends, so that no
 * server outlives the benchmark. Arguments: the program and its arguments.
 *
 * @module
 */
const [program, ...args] = Deno.args;
const server = new Deno.Command(program!, {
  args,
  stdin: "null",
  stdout: "null",
  stderr: "null",
}).spawn();
console.log(server.pid);
server.status.then(({ code }) => Deno.exit(code === 0 ? 1 : code)); // too early, so a failure with any code
await new Response(Deno.stdin.readable).text();
server.kill("SIGKILL"); // it has nothing to save
await server.status;
Deno.exit(0);
