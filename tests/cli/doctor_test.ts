import { assert, assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "./rfaas.ts";

Deno.test("rfaas doctor finds what this suite itself needs, and names a fix for what is missing", async () => {
  const { code, stdout } = await rfaas(["doctor", "--json"]);
  assertEquals(code, 0);
  const { ok, checks } = JSON.parse(stdout);
  assertEquals(ok, true);
  for (const check of checks) {
    assertEquals(check.ok, check.fix === undefined, check.name);
    assert(check.found !== "", check.name);
  }
  assertMatch((await rfaas(["doctor"])).stdout, /rfaas runs here by shared memory/);
});

Deno.test("rfaas doctor tells of RDMA: libraries by version, the memory that may be locked, each port", async () => {
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
  assertEquals(ports.length > 0, device.ok, "a line for each port");
});
