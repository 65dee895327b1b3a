/** Whether both ends find out that they can only take turns on one core. */

import { assertEquals } from "@std/assert";
import { allowedCores, keepOnCores } from "../../../ffi/affinity.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { openShm } from "../../../fabric/shm/provider.ts";

const ARENA = { arenaBytes: 4096 };

/** Connects two ends, each while this thread may run on its cores only. */
async function connectOn(client: readonly number[], server: readonly number[]): Promise<boolean[]> {
  const libc = openLibc();
  const all = allowedCores(libc);
  const provider = openShm();
  try {
    using listener = await provider.listen();
    keepOnCores(libc, client);
    const connecting = provider.connect(listener.address, ARENA);
    const request = await listener.accept(); // the client has made its end by now
    keepOnCores(libc, server);
    const accepting = request!.accept(ARENA);
    using a = await connecting;
    using b = await accepting;
    return [a, b].map(({ shared }) => shared!.sharesCore);
  } finally {
    provider.close();
    await provider.closed;
    keepOnCores(libc, all);
    libc.close();
  }
}

function cores(): number[] {
  const libc = openLibc();
  try {
    return allowedCores(libc);
  } finally {
    libc.close();
  }
}

const [first = 0, second] = cores();

Deno.test("`sharesCore` is true for two ends that have the same core and no other", async () => {
  assertEquals(await connectOn([first], [first]), [true, true]);
});

Deno.test({
  name: `\`sharesCore\` is false if either end may run on another core${
    second === undefined ? " (needs two cores)" : ""
  }`,
  ignore: second === undefined,
  async fn() {
    assertEquals(await connectOn([first], [second!]), [false, false]);
    assertEquals(await connectOn([first], cores()), [false, false]);
    assertEquals(await connectOn(cores(), [first]), [false, false]);
    assertEquals(await connectOn(cores(), cores()), [false, false]);
  },
});
