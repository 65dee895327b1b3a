/** The time slice of a thread. */

import { assert, assertEquals } from "@std/assert";
import { openLibc } from "../../ffi/libc.ts";
import { requestTimeSlice, timeSliceMs } from "../../ffi/time_slice.ts";
import { kernelHasSlices } from "../support/fabric/kernel_slices.ts";

Deno.test({
  name: "`requestTimeSlice()` sets the thread's time slice",
  ignore: !kernelHasSlices(), // an older kernel ignores the request
  fn() {
    const libc = openLibc();
    const before = timeSliceMs(libc);
    try {
      assert(requestTimeSlice(libc, 0.25));
      assertEquals(timeSliceMs(libc), 0.25);
    } finally {
      requestTimeSlice(libc, before);
      assertEquals(timeSliceMs(libc), before);
      libc.close();
    }
  },
});

Deno.test("`requestTimeSlice()` does not change the nice value", async () => {
  const code = `
    import { openLibc } from "${new URL("../../ffi/libc.ts", import.meta.url)}";
    import { requestTimeSlice } from "${new URL("../../ffi/time_slice.ts", import.meta.url)}";
    const granted = requestTimeSlice(openLibc(), 0.25);
    const stat = Deno.readTextFileSync("/proc/thread-self/stat").split(") ")[1].split(" ");
    console.log(granted, stat[16]);`;
  const command = new Deno.Command("nice", {
    args: ["-n", "5", Deno.execPath(), "eval", "--no-check", code],
    env: { NO_COLOR: "1" },
  });
  const { stdout, stderr } = await command.output();
  assertEquals(new TextDecoder().decode(stdout), "true 5\n", new TextDecoder().decode(stderr));
});

Deno.test("`requestTimeSlice()` does not throw for a slice out of range", () => {
  const libc = openLibc();
  try {
    const before = timeSliceMs(libc);
    requestTimeSlice(libc, 0.000_001); // below the minimum, which the kernel then sets
    assert(timeSliceMs(libc) >= 0.1 || timeSliceMs(libc) === 0, `${timeSliceMs(libc)} ms`);
    requestTimeSlice(libc, before);
  } finally {
    libc.close();
  }
});
