import { assert } from "@std/assert";
import { openLibc } from "../../ffi/libc.ts";
import { RunnableThreads } from "../../ffi/runnable_threads.ts";

Deno.test("`RunnableThreads.count()` counts at least the calling thread", () => {
  const libc = openLibc();
  const running = new RunnableThreads(libc).count();
  libc.close();
  assert(Number.isInteger(running) && running >= 1 && running < 100_000, `${running}`);
});
