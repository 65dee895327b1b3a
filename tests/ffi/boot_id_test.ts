import { assertEquals, assertMatch } from "@std/assert";

Deno.test("`readBootId()` needs only the permission --allow-ffi", async () => {
  const module = new URL("../../ffi/", import.meta.url);
  const program = `
    import { openLibc } from "${module}libc.ts";
    import { readBootId } from "${module}boot_id.ts";
    const libc = openLibc();
    console.log(readBootId(libc));
    libc.close();`;
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--quiet",
      "--allow-ffi",
      `data:application/typescript,${encodeURIComponent(program)}`,
    ],
    stderr: "inherit",
  }).output();
  assertEquals(success, true);
  const read = new TextDecoder().decode(stdout).trim();
  assertMatch(read, /^[0-9a-f-]{36}$/);
  assertEquals(read, Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim());
});
