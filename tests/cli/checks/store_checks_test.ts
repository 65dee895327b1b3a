import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { checkStore, isGood } from "../../../cli/checks/store_checks.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../support/manager/etcd_members.ts";

Deno.test("`isGood()` refuses versions of etcd with known faults", () => {
  const versions = ["3.4.23", "3.5.9", "3.5.27", "3.5.28", "3.6.8", "3.6.9", "3.7.0", "4.0.0"];
  assertEquals(versions.filter(isGood), ["3.5.28", "3.6.9", "3.7.0", "4.0.0"]);
});

Deno.test("`checkStore()` checks nothing of a file, and refuses an address that is wrong", async () => {
  assertEquals(await checkStore({}), []);
  assertEquals(await checkStore({ address: "sqlite:/var/lib/rows.sqlite" }), []);
  await assertRejects(() => checkStore({ address: "etcd:" }), TypeError, "Cannot use store");
});

Deno.test({
  name:
    `\`checkStore()\` finds a member that is gone, and then the loss of the majority${needsEtcd}`,
  ignore: etcdPath === undefined,
  fn: async () => {
    await using etcd = await EtcdMembers.start({ size: 3 });
    const address = etcd.store();
    const check = async () => {
      const [majority, ...members] = await checkStore({ address });
      const names = members.map(({ name }) => name);
      assertEquals(names, etcd.addresses.map((each) => `etcd ${each}`));
      for (const { ok, fix } of [majority!, ...members]) assertEquals(ok, fix === undefined);
      return { majority: majority!, members };
    };
    const all = await check();
    assert(all.majority.ok);
    for (const { found } of all.members) {
      assertMatch(found, /^version \d+\.\d+\.\d+, .+ takes [\d.]+ ms$/);
    }
    await etcd.kill(0);
    const two = await check();
    assertEquals([two.majority.ok, two.majority.found], [true, "2 of 3 members respond"]);
    assertMatch(two.members[0]!.found, /^Cannot reach etcd at /);
    await etcd.kill(1);
    const one = await check();
    assertEquals([one.majority.ok, one.majority.kind], [false, "required"]);
  },
});
