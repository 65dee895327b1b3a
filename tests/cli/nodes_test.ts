import { assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { FakeClock, TestManager } from "../support/manager/test_manager.ts";

Deno.test("rfaas nodes shows what drains a node, and how many of its cores it lends", async () => {
  await using test = await TestManager.start({ clock: new FakeClock().read }); // no node is lost meanwhile
  const { node } = await test.register("n1");
  await test.register("n2");
  const list = async () => {
    const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("client") };
    const { code, stdout, stderr } = await rfaas(["nodes"], { env });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return stdout;
  };
  assertMatch(await list(), /^NAME +STATE +CORES +FREE .*\nn1 +up +4 +4 .*\nn2 +up +4 +4 /);
  await test.operator.lendNode(node, { cores: 1 });
  assertMatch(
    await list(),
    /^NAME +STATE +CORES +FREE .*\nn1 +up +1 of 4 +1 .*\nn2 +up +4 of 4 +4 /,
  );
  await test.operator.drainNode(node, { by: "slurm", graceMs: 0 });
  assertMatch(
    await list(),
    /^NAME +STATE +DRAINED BY +CORES .*\nn1 +\w+ +slurm +\d of 4 .*\nn2 +up +4 of 4 +4 /,
  );
});
