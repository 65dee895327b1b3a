/** The sandbox that a node opens. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LocalManagers } from "../../../../cli/children/local_managers.ts";
import { openLibc } from "../../../../ffi/libc.ts";
import { openSandbox } from "../../../../manager/executor/sandbox/open_sandbox.ts";
import { NO_LIMIT, ownLimits } from "../../../../manager/executor/sandbox/own_limits.ts";
import { connect } from "../../../../mod.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";
import { need, tryRecipe } from "../../../support/sandboxes.ts";

const tried = await tryRecipe("bubblewrap");

Deno.test({
  name: `\`openSandbox()\` chooses bubblewrap for \`auto\` after a trial${need(tried)}`,
  ignore: tried.missing !== undefined,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-" });
    const libc = openLibc();
    try {
      const { sandbox, missing } = await openSandbox(libc, "auto", folder);
      assertEquals(sandbox?.name, "bubblewrap");
      assertEquals(missing, undefined);
      assertEquals((await openSandbox(libc, "none", folder)).sandbox, undefined);
    } finally {
      libc.close();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("`openSandbox()` chooses none on a node with RDMA whose locked memory is limited", async () => {
  const libc = openLibc();
  const { sandbox, missing } = await openSandbox(libc, "auto", "/dev/null/none", true);
  assertEquals(sandbox, undefined);
  if (ownLimits(libc).memlock !== NO_LIMIT) assertStringIncludes(missing!, "ulimit -l unlimited");
  libc.close();
});

Deno.test("`openSandbox()` gives the reason why a host has no sandbox", async () => {
  const libc = openLibc();
  const { sandbox, missing } = await openSandbox(libc, "auto", "/dev/null/none");
  assertEquals(sandbox, undefined);
  assert(missing, "a reason");
  libc.close();
});

Deno.test({
  name: `functions run in a sandbox by default, and see no path of the host${need(tried)}`,
  ignore: tried.missing !== undefined,
  async fn() {
    const functions = packageOf(`
      export function look(_, output) {
        const seen = [process.execPath, process.argv, process.cwd(), location.href, new Error().stack];
        return new TextEncoder().encodeInto(JSON.stringify(seen), output).written;
      }`);
    await using managers = await LocalManagers.start();
    await using client = await connect({ ...managers, fabric: "shm" });
    await using lease = await client.lease({ functions });
    const seen = new TextDecoder().decode(await lease.invoke("look", new Uint8Array()));
    const paths = [...seen.matchAll(/(?<![\w:/])\/(?!\/)[^\s",):]+/g)].map(([path]) => path);
    assert(paths.length > 0, seen);
    assertEquals(paths.filter((path) => !/^\/(rfaas|package)\//.test(path)), [], seen);
  },
});
