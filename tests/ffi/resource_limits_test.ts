/** The limits that a process sets itself. */

import { assertEquals } from "@std/assert";

const here = (path: string) => new URL(path, import.meta.url).href;

Deno.test("`limitResources()` lowers limits for good, and a forbidden write does not end the process", async () => {
  const file = await Deno.makeTempFile({ prefix: "rfaas-test-" });
  const code = `
    import { openLibc } from "${here("../../ffi/libc.ts")}";
    import { createSharedMemory } from "${here("../../ffi/shared_memory.ts")}";
    import { limitResources } from "${here("../../ffi/resource_limits.ts")}";
    const libc = openLibc();
    limitResources(libc, { fileBytes: 0, coreBytes: 0, descriptors: 64 });
    limitResources(libc, { fileBytes: 1e9, coreBytes: 1e9, descriptors: 1000 });
    const results = {};
    const attempt = (name, act) => {
      try { act(); results[name] = "done"; } catch (error) { results[name] = error.message; }
    };
    attempt("file", () => Deno.writeTextFileSync(Deno.args[0], "x"));
    attempt("memory", () => createSharedMemory(libc, "x", 4096, { folder: "/nowhere" }));
    attempt("descriptors", () => { for (let i = 0; i < 100; i++) Deno.openSync(Deno.args[0]); });
    console.log(JSON.stringify(results));`;
  try {
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `data:text/javascript,${encodeURIComponent(code)}`, file],
    }).output();
    const results = JSON.parse(new TextDecoder().decode(stdout) || "{}");
    assertEquals(
      results,
      {
        file: `File too large (os error 27): writefile '${file}'`,
        memory: "Cannot make 4096 bytes of shared memory: file too large (EFBIG)",
        descriptors: `Too many open files (os error 24): open '${file}'`,
      },
      new TextDecoder().decode(stderr),
    );
  } finally {
    await Deno.remove(file);
  }
});
