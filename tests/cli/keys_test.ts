import { assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { FakeClock, TestManager } from "../support/manager/test_manager.ts";

Deno.test("rfaas keys lists the keys, and rotates them one at a time", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read }); // each command may take seconds
  const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") };
  const first = await rfaas(["keys", "list"], { env });
  assertMatch(
    first.stdout,
    /^KEY +STATE +CREATED +SIGNS FROM +DROPPED\n[0-9a-f]{16} +signing +\S+Z +\S+Z *\n$/,
  );
  const rotated = await rfaas(["keys", "rotate"], { env });
  assertEquals([rotated.code, rotated.stderr], [0, ""]);
  assertMatch(rotated.stdout, /\n[0-9a-f]{16} +coming +\S+Z +in \d\.\d s *\n[0-9a-f]{16} +signing/);
  const again = await rfaas(["keys", "rotate"], { env });
  assertEquals(again.code, 1);
  assertMatch(again.stderr, /^rfaas: Cannot rotate keys: key [0-9a-f]{16} signs in \d+ ms\n$/);
  const { keys } = JSON.parse((await rfaas(["keys", "list", "--json"], { env })).stdout);
  assertEquals(keys.map(({ state }: { state: string }) => state), ["coming", "signing"]);
});
