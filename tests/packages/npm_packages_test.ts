/** The packages of the table, each bundled, loaded and called in a worker without any permission. */
import { assertEquals, assertRejects } from "@std/assert";
import { RfaasError } from "../../mod.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { NPM_PACKAGES, type NpmPackage } from "./npm_packages.ts";

function moduleOf({ name, bound = "p", beside, use }: NpmPackage): string {
  return `${
    beside === undefined ? "" : `${"import"} "npm:${beside}"; `
  }${"import"} ${bound} from "npm:${name}";
    export async function run(_input, output) {
      return new TextEncoder().encodeInto(String(await (${use})), output).written;
    }`;
}

/** Versions and checksums of all that the packages import. RFAAS_UPDATE_LOCK=1 brings it up to date. */
const LOCK = new URL("npm_packages.lock", import.meta.url);

Deno.test("npm packages are served, or refused with the reason", async (t) => {
  const update = Deno.env.get("RFAAS_UPDATE_LOCK") === "1";
  await using cluster = await startCluster({ cores: 2 });
  const client = await cluster.connect();
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-npm-" });
  const lock = `${folder}/deno.lock`;
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ lock: { frozen: !update } }));
    if (!update) await Deno.copyFile(LOCK, lock);
    for (const [at, each] of NPM_PACKAGES.entries()) {
      await t.step(each.name, async () => {
        const functions = `${folder}/package_${at}.js`;
        await Deno.writeTextFile(functions, moduleOf(each));
        const run = async () => {
          await using lease = await client.lease({ functions });
          return await lease.invoke("run", new Uint8Array(), { deadlineMs: 10_000 });
        };
        const { gives } = each;
        if (typeof gives === "string") {
          assertEquals(new TextDecoder().decode(await run()), gives);
        } else {
          await assertRejects(run, RfaasError, gives.refused);
        }
      });
    }
    if (update) await Deno.copyFile(lock, LOCK);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
