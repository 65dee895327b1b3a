/** The other process of the contenders in peers.ts: echoes until its standard input ends. */

const [kind] = Deno.args;
const ready = (address: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${address}\n`));
const ending = new Response(Deno.stdin.readable).text();

if (kind === "http") {
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => ready(`http://127.0.0.1:${port}/`),
  }, async (request) => new Response(await request.arrayBuffer()));
  await ending;
  await server.shutdown();
} else {
  const path = `${await Deno.makeTempDir()}/echo.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  ready(path);
  listener.accept().then(async (connection) => {
    const bytes = new Uint8Array(1 << 20);
    for (let n = await connection.read(bytes); n; n = await connection.read(bytes)) {
      for (let at = 0; at < n;) at += await connection.write(bytes.subarray(at, n));
    }
    connection.close();
  }).catch(() => {}); // the client has closed
  await ending;
  listener.close();
  await Deno.remove(path.slice(0, path.lastIndexOf("/")), { recursive: true });
}
Deno.exit(0);
