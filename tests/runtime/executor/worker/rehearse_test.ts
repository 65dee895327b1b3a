/** The lease that a waiting worker serves to itself. */

import { assertEquals, assertRejects } from "@std/assert";
import { Fabrics } from "../../../../fabric/open.ts";
import { openCpu } from "../../../../ffi/cpu.ts";
import { openLibc } from "../../../../ffi/libc.ts";
import { rehearse } from "../../../../runtime/executor/worker/rehearse.ts";
import { SAMPLE_START } from "../../../../runtime/executor/start_request.ts";
import { SERVED, watchTotals, watchWords } from "../../../../runtime/executor/watch_words.ts";
import { countDescriptors, countMappings, eventually } from "../../../support/descriptors.ts";

/** Runs a rehearsal with a package. @returns how many calls were served. */
async function served(code: string): Promise<number> {
  const libc = openLibc();
  const cpu = openCpu(libc);
  const fabrics = new Fabrics();
  try {
    const { secret, counters: _, callMs = Infinity, ...terms } = SAMPLE_START;
    const watch = new SharedArrayBuffer(4 * watchWords(terms.depth));
    await rehearse({ libc, cycles: cpu.cycles, fabrics }, {
      ...terms,
      callMs,
      secret: Uint8Array.fromHex(secret),
      source: new TextEncoder().encode(code),
      watch,
      stopFd: -1,
    });
    return watchTotals(new Int32Array(watch))[SERVED]!;
  } finally {
    fabrics.close();
    await fabrics.closed;
    cpu.close();
    libc.close();
  }
}

Deno.test("`rehearse()` attaches, loads the package and serves one call, and leaves nothing open", async () => {
  const open = () => [countDescriptors(), countMappings()].join();
  const before = open();
  assertEquals(await served("export function sample() { return 0; }"), 1);
  await eventually(() => open() === before, () => `${open()} are open, ${before} were before`);
});

Deno.test("`rehearse()` reports a package that does not load", async () => {
  await assertRejects(() => served("throw new RangeError('no')"), RangeError, "no");
});
