import { assert, assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { anyFabric } from "../support/cluster/test_fabric.ts";

Deno.test(
  anyFabric("rfaas doctor finds what this suite needs, and has a fix for what is missing"),
  async () => {
    const { code, stdout } = await rfaas(["doctor", "--json"]);
    assertEquals(code, 0);
    const { ok, checks } = JSON.parse(stdout);
    assertEquals(ok, true);
    for (const check of checks) {
      assertEquals(check.ok, check.fix === undefined, check.name);
      assert(check.found !== "", check.name);
    }
    const text = (await rfaas(["doctor"])).stdout;
    assertMatch(text, /rfaas runs here in shared memory/);
    const fixes = [...text.matchAll(/ to fix: (?!as for )(.*)/g)].map(([, fix]) => fix);
    assertEquals(fixes, [...new Set(fixes)], "no fix is printed twice");
  },
);

Deno.test("rfaas doctor checks RDMA: library versions, the memory lock limit, each port", async () => {
  const { stdout } = await rfaas(["doctor", "--json"]);
  const checks: { name: string; ok: boolean; found: string; fix?: string }[] =
    JSON.parse(stdout).checks;
  const found = (name: string) => checks.find((check) => check.name === name)!;
  for (const name of ["libibverbs", "librdmacm"]) {
    if (found(name).ok) assertMatch(found(name).found, new RegExp(`^${name}\\.so\\.1`));
    else assertMatch(found(name).fix!, /apt-get install libibverbs1/);
  }
  assertMatch(found("memory lock limit").found, /unlimited|[0-9.]+ [MG]iB/);
  const device = found("RDMA device");
  if (!device.ok) assertMatch(device.fix!, /rdma link add rxe0|apt-get install|chmod a\+rw/);
  const ports = checks.filter(({ name }) => / port \d+$/.test(name));
  assertEquals(ports.length > 0, device.ok, "a check for each port");
});

const isRoot = Deno.uid() === 0;

const processOne = anyFabric(
  `rfaas doctor checks memory, open files, and that ended processes leave no entry${
    isRoot ? "" : " (needs root)"
  }`,
);
Deno.test({
  ...processOne,
  ignore: processOne.ignore || !isRoot,
  fn: async () => {
    const cli = new URL("../../cli.ts", import.meta.url).pathname;
    const { stdout } = await new Deno.Command("unshare", {
      args: ["--pid", "--fork", "--mount-proc", Deno.execPath()]
        .concat("run", "--allow-all", "--quiet", cli, "doctor", "--json"),
    }).output();
    const checks: { name: string; ok: boolean; found: string; fix?: string }[] =
      JSON.parse(new TextDecoder().decode(stdout)).checks;
    const found = (name: string) => checks.find((check) => check.name === name)!;
    assertEquals(found("ended processes").ok, false, "it is process 1 of a container");
    assertMatch(found("ended processes").fix!, /--init/);
    assertMatch(found("memory").found, /[MG]iB/);
    assert(Number(found("open files").found) >= 128);
  },
});
