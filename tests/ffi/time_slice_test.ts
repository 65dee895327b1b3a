/** Turns of a thread on its core, as the kernel knows them. */

import { assert, assertEquals } from "@std/assert";
import { openLibc } from "../../ffi/libc.ts";
import { askForTimeSlice, timeSliceMs } from "../../ffi/time_slice.ts";
import { kernelHasSlices } from "../support/kernel_slices.ts";

Deno.test({
  name: "a thread gets the turns that it asks for",
  ignore: !kernelHasSlices(), // an older kernel takes the wish and forgets it
  fn() {
    const libc = openLibc();
    const before = timeSliceMs(libc);
    try {
      assert(askForTimeSlice(libc, 0.25));
      assertEquals(timeSliceMs(libc), 0.25);
    } finally {
      askForTimeSlice(libc, before);
      assertEquals(timeSliceMs(libc), before);
      libc.close();
    }
  },
});

Deno.test("a thread that is to be nice stays so", async () => {
  const code = `
    import { openLibc } from "${new URL("../../ffi/libc.ts", import.meta.url)}";
    import { askForTimeSlice } from "${new URL("../../ffi/time_slice.ts", import.meta.url)}";
    const asked = askForTimeSlice(openLibc(), 0.25);
    const stat = Deno.readTextFileSync("/proc/thread-self/stat").split(") ")[1].split(" ");
    console.log(asked, stat[16]);`;
  const command = new Deno.Command("nice", {
    args: ["-n", "5", Deno.execPath(), "eval", "--no-check", code],
    env: { NO_COLOR: "1" },
  });
  const { stdout, stderr } = await command.output();
  assertEquals(new TextDecoder().decode(stdout), "true 5\n", new TextDecoder().decode(stderr));
});

Deno.test("what the kernel does not grant is no failure", () => {
  const libc = openLibc();
  try {
    const before = timeSliceMs(libc);
    askForTimeSlice(libc, 0.000_001); // less than the least: the kernel grants that
    assert(timeSliceMs(libc) >= 0.1 || timeSliceMs(libc) === 0, `${timeSliceMs(libc)} ms`);
    askForTimeSlice(libc, before);
  } finally {
    libc.close();
  }
});
