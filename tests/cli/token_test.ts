import { assert, assertEquals, assertMatch } from "@std/assert";
import { rfaas } from "../support/cluster/rfaas_command.ts";
import { TestManager } from "../support/manager/test_manager.ts";

Deno.test("rfaas token creates, lists and revokes tokens", async () => {
  await using test = await TestManager.start();
  const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("operator") };
  const create = ["token", "create", "--role", "client", "--name"];
  const made = await rfaas([
    ...create,
    "ada",
    ...["--account", "physics", "--class", "default"],
    "--workers",
    "16",
    "--memory",
    "8GiB",
  ], { env });
  assertEquals([made.code, made.stderr], [0, ""]);
  assertMatch(made.stdout, /^rfaas_client_[A-Za-z0-9_-]{43}\n$/);
  const asAda = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: made.stdout.trim() };
  assertEquals((await rfaas(["nodes"], { env: asAda })).code, 0);

  const json = await rfaas([...create, "bob", "--json"], { env });
  assertEquals(Object.keys(JSON.parse(json.stdout)), ["token", "role", "name"]);
  const again = await rfaas([...create, "bob"], { env });
  assertEquals(again.code, 1);
  assertEquals(again.stderr, "rfaas: Cannot create token: the name bob is taken\n");

  const list = await rfaas(["token", "list"], { env });
  assertMatch(
    list.stdout,
    /^NAME +ROLE +ACCOUNT +CLASS +CREATED +LIMITS\nada +client +physics +default +\S+Z +16 workers, 8 GiB\nbob +client +- +- /,
  );
  const gold = await rfaas([...create, "eve", "--class", "gold"], { env });
  assertEquals(gold.stderr, 'rfaas: Cannot create token: there is no class "gold", only default\n');
  const { tokens } = JSON.parse((await rfaas(["token", "list", "--json"], { env })).stdout);
  assertEquals([tokens[0].account, tokens[1].account], ["physics", undefined]);
  assertEquals([tokens[0].class, tokens[1].class], ["default", undefined]);
  assertEquals(tokens[0].quota, { workers: 16, memoryBytes: 8 * 2 ** 30 });

  assertEquals(await rfaas(["token", "revoke", "ada"], { env }), {
    code: 0,
    stdout: "",
    stderr: "",
  });
  const refused = await rfaas(["nodes"], { env: asAda });
  assertEquals(refused.code, 1);
  assert(!refused.stderr.includes(made.stdout.trim()), "the token is in a message");
});

Deno.test("rfaas token needs an operator token, and checks its numbers", async () => {
  await using test = await TestManager.start();
  const env = { RFAAS_MANAGER: test.url, RFAAS_TOKEN: test.token("client") };
  const denied = await rfaas(["token", "list"], { env });
  assertEquals(denied.code, 1);
  assertMatch(denied.stderr, /this needs the role operator/);
  const create = ["token", "create", "--role", "client", "--name", "x"];
  for (const wrong of [["--workers", "-1"], ["--memory", "lots"], ["--role", "root"]]) {
    assertEquals((await rfaas([...create, ...wrong], { env })).code, 2, wrong.join(" "));
  }
});
