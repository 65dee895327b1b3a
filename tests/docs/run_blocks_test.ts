/** The TypeScript blocks of the pages run, against a cluster of their own. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { startCluster } from "../support/cluster/cluster.ts";
import { writePage } from "../support/docs/page_programs.ts";
import { readPages } from "../support/docs/pages.ts";

const RUNNER = new URL("../support/docs/run_page.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

for (const { name, path, blocks } of await readPages()) {
  if (!blocks.some(({ language }) => language === "ts")) continue;
  Deno.test(`the TypeScript blocks of ${path} run and print what the page shows`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-docs-" });
    await using cluster = await startCluster({
      cores: 64,
      memoryBytes: 64 * 2 ** 30,
      permissions: { net: ["*"], read: ["/data"], env: ["*"] },
    });
    try {
      const { programs, folder: cwd } = await writePage(blocks, `${folder}/${name}`);
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--allow-all",
          "--no-check",
          "--quiet",
          "--config",
          CONFIG,
          RUNNER,
          ...programs.map(({ path }) => path),
        ],
        cwd,
        env: { RFAAS_MANAGER: cluster.managerUrl, RFAAS_TOKEN: cluster.clientToken, NO_COLOR: "1" },
        signal: AbortSignal.timeout(120_000),
      }).output();
      const printed = new TextDecoder().decode(stdout).split(/\0\d+\n/);
      const at = programs[printed.length - 1]?.block.line;
      assertEquals(code, 0, `${path}:${at} fails: ${new TextDecoder().decode(stderr)}`);
      for (const [i, { output }] of programs.entries()) {
        if (output !== undefined) assertStringIncludes(printed[i] ?? "", output);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
