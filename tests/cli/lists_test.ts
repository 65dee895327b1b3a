/** `rfaas nodes` and `rfaas queue`. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Role } from "../../manager/resource/store/store.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { FakeClock, TestManager } from "../support/manager/test_manager.ts";
import { lastingMs } from "../support/time_factor.ts";
import { until } from "../support/waiting.ts";

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

Deno.test("rfaas queue shows the classes that the configuration names", async () => {
  await using test = await TestManager.start({ classes: { urgent: { priority: 1 } } });
  const { token } = await test.operator.createToken({
    role: "client",
    name: "eve",
    class: "urgent",
  });
  using eve = new ManagerClient({ url: test.url, token });
  const gone = new AbortController();
  const waitMs = lastingMs(60_000);
  const request = { workers: 1, memoryBytes: 0, termMs: 60_000, waitMs };
  const waits = [test.client, eve].map((client) =>
    client.takeLease(request, gone.signal).catch(() => {})
  );
  try {
    await until(
      async () => (await test.operator.queue()).waiting.length === 2,
      () => "both wait",
    );
    const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") };
    const { stdout } = await rfaas(["queue"], { env });
    assertMatch(
      stdout,
      /^PLACE {2}CLIENT {2}CLASS +USED CORE-S +WORKERS .*\n {4}1 {2}eve +urgent +0 .*\n {4}2 {2}client {2}default /,
    );
  } finally {
    gone.abort();
    await Promise.all(waits);
  }
});

Deno.test("rfaas queue shows what waits, for how long at most and why, or that nothing does", async () => {
  const clock = new FakeClock();
  await using test = await TestManager.start({ clock: clock.read });
  const show = async (role: Role, ...args: string[]) => {
    const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token(role) };
    const { code, stdout, stderr } = await rfaas(["queue", ...args], { env });
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    return stdout;
  };
  assertEquals(await show("operator"), "No request that this token may see waits for capacity\n");
  await test.register("n1");
  const gone = new AbortController();
  const waitMs = lastingMs(60_000);
  const request = { workers: 6, memoryBytes: 2 ** 21, termMs: 60_000, waitMs };
  const waits = test.client.takeLease(request, gone.signal).catch(() => {});
  try {
    const tried = async () => (await test.operator.queue()).waiting[0]?.reason.code === "too-large";
    await until(tried, () => "the request waits");
    clock.nowMs += 2000;
    const shown = await show("operator");
    assertMatch(
      shown,
      /^PLACE {2}CLIENT {2}WORKERS {2}MEMORY {2}WAITED {2}REFUSED IN {2}REASON\n {4}1 {2}client {8}6 {2}2 MiB {3}2s +\d/,
    );
    assertMatch(shown, / too-large: no node has 6 free cores and 2 MiB of free memory, .*\n$/);
    assertEquals(shown.split("\n").length, 3);
    assertEquals(await show("client"), shown);
    assertEquals(JSON.parse(await show("client", "--json")), { ...await test.client.queue() });
  } finally {
    gone.abort();
    await waits;
  }
});
