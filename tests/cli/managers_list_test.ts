import { assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../support/manager/etcd_members.ts";
import { ManagerGroup } from "../support/manager/manager_group.ts";
import { TestManager } from "../support/manager/test_manager.ts";

Deno.test("rfaas managers shows a single resource manager as the leader, without a token", async () => {
  await using test = await TestManager.start();
  const { code, stdout } = await rfaas(["managers"], { env: { RFAAS_MANAGER: test.url } });
  assertEquals(code, 0);
  assertMatch(
    stdout,
    /^ADDRESS +ROLE +LEADS SINCE +BEHIND +VERSION +NOTE *\n\S+ +leader +\d+\.\d+\.\d+ *\n$/,
  );
});

Deno.test({
  name:
    `rfaas managers lists leader, standby and one that is gone, and fails without a leader${needsEtcd}`,
  ignore: etcdPath === undefined,
  fn: async () => {
    await using etcd = await EtcdMembers.start();
    await using group = await ManagerGroup.start(3, etcd.store());
    const [first, second, third] = group.members.map(({ url }) => url);
    await group.members[2]!.kill();
    const { code, stdout } = await rfaas(["managers", "--manager", group.url, "--json"]);
    assertEquals(code, 0);
    const { managers } = JSON.parse(stdout);
    const shown = (managers as Record<string, string>[])
      .map(({ manager, role, leader, error }) => [manager, role, leader, error !== undefined]);
    assertEquals(shown, [
      [first, "leader", undefined, false],
      [second, "standby", first, false],
      [third, undefined, undefined, true],
    ]);
    const text = (await rfaas(["managers", "--manager", group.url])).stdout;
    assertMatch(text, /\n\S+ +leader +\d{4}-\d\d-\d\dT\S+Z /);
    assertMatch(text, /\n\S+ +standby +\d+ ms /);
    const alone = await rfaas(["managers", "--manager", second!]);
    assertEquals(alone.code, 1);
    assertMatch(alone.stderr, /Cannot find a leader/);
  },
});
