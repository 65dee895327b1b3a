/**
 * Runs a server that does not watch its standard input, and ends it when ours ends, however the benchmark ended: nothing
 * is left behind. Arguments: the program and its own.
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
server.status.then(({ code }) => Deno.exit(code === 0 ? 1 : code)); // too early, whatever it says
await new Response(Deno.stdin.readable).text();
server.kill("SIGKILL"); // it has nothing to save
await server.status;
Deno.exit(0);
