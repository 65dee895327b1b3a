/**
 * The other process of the contenders in sockets.ts: echoes over `http`, `unix` or `tcp` until its standard input ends.
 * Its first line is its address.
 *
 * @module
 */

/** Bytes per read of a socket. */
const BUFFER_BYTES = 1 << 20;

const [kind] = Deno.args;
const ready = (address: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${address}\n`));
const ending = new Response(Deno.stdin.readable).text();

if (kind === "http") {
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => ready(`http://127.0.0.1:${port}/`),
  }, async (request) => new Response(await request.arrayBuffer()));
  await ending;
} else if (kind === "tcp") {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  ready(`${listener.addr.port}`);
  listener.accept().then((connection) => {
    connection.setNoDelay(true);
    return echo(connection);
  }).catch(() => {}); // the client has closed
  await ending;
} else {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
  const path = `${folder}/echo.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  ready(path);
  listener.accept().then(echo).catch(() => {});
  await ending;
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);

async function echo(connection: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(BUFFER_BYTES);
  for (let n = await connection.read(bytes); n; n = await connection.read(bytes)) {
    for (let at = 0; at < n;) at += await connection.write(bytes.subarray(at, n));
  }
  connection.close();
}
