import { assert, assertEquals } from "@std/assert";
import { openLibc } from "../../ffi/libc.ts";
import { processTimeNs } from "../../ffi/process_time.ts";

Deno.test("`processTimeNs()` counts processor time more finely than a kernel tick", () => {
  const libc = openLibc();
  try {
    const before = processTimeNs(libc, 0)!;
    const end = performance.now() + 3;
    while (performance.now() < end);
    const spent = processTimeNs(libc, Deno.pid)! - before;
    assert(spent > 0n && spent < 10_000_000_000n, `${spent}`);
  } finally {
    libc.close();
  }
});

Deno.test("`processTimeNs()` works for other processes until they end", async () => {
  const libc = openLibc();
  try {
    const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
    const spent = processTimeNs(libc, child.pid);
    assert(spent !== undefined && spent >= 0n && spent < 10_000_000_000n, `${spent}`);
    child.kill();
    await child.status;
    assertEquals(processTimeNs(libc, child.pid), undefined);
  } finally {
    libc.close();
  }
});
