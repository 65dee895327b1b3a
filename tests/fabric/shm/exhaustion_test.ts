/** The listener of a process without free descriptors survives, and serves again when descriptors are closed. */

import { assertEquals } from "@std/assert";
import { openShm } from "../../../fabric/shm/provider.ts";
import { assertRejectsCode } from "../conformance/pair.ts";

const CHILD = `
  const { openShm } = await import(Deno.args[0]);
  const provider = openShm();
  const listener = await provider.listen();
  const input = Deno.stdin.readable.getReader();
  const held = [];
  try {
    for (;;) held.push(Deno.openSync("/dev/null"));
  } catch { /* none left */ }
  console.log(listener.address);
  await input.read();
  for (const file of held) file.close();
  const connection = await (await listener.accept()).accept({ arenaBytes: 64 });
  await input.read();
  console.log(connection.state);
  Deno.exit(0);
`;

Deno.test("shm: a listener without free descriptors serves again when some are closed", async () => {
  await using provider = openShm();
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, CHILD);
  const process = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'ulimit -n 64; exec "$0" run --allow-all --no-check --no-config "$@"',
      Deno.execPath(),
      file,
      import.meta.resolve("../../../fabric/shm/provider.ts"),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const writer = process.stdin.getWriter();
  try {
    const address = (await lines.read()).value!.trim();
    await assertRejectsCode(
      () => provider.connect(address, { arenaBytes: 64, timeoutMs: 200 }),
      "timeout",
    );
    await writer.write(new Uint8Array(1));
    using connection = await provider.connect(address, { arenaBytes: 64 });
    assertEquals(connection.state, "connected");
    await writer.write(new Uint8Array(1));
    assertEquals((await lines.read()).value, "connected\n");
    assertEquals((await process.status).code, 0);
  } finally {
    try {
      process.kill("SIGKILL");
    } catch { // it has ended
    }
    await process.status;
    await writer.close().catch(() => {});
    await lines.cancel();
    await Deno.remove(file);
  }
});
