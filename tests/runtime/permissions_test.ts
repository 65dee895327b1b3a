/** The permissions of functions: those that their lease requests and their node allows, and no others. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  checkPermissionRules,
  firstNotAllowed,
} from "../../manager/executor/leases/permission_rules.ts";
import { type FunctionPermissions, LeaseRefusedError } from "../../mod.ts";
import { checkPermissions, NO_PERMISSIONS } from "../../runtime/permissions.ts";
import { startCluster } from "../support/cluster/cluster.ts";
import { packageOf } from "../support/functions/functions_package.ts";
import { need, triedRecipes } from "../support/sandboxes.ts";

/** Runs a text as an async function body and returns its result, or `threw` and the error's name. */
const functions = packageOf(`
  const AsyncFunction = (async () => {}).constructor;
  export async function run(input, output) {
    let outcome;
    try {
      outcome = String(await new AsyncFunction(new TextDecoder().decode(input))());
    } catch (error) {
      outcome = "threw " + error.name;
    }
    return new TextEncoder().encodeInto(outcome, output).written;
  }
`);

const VARIABLE = "RFAAS_TEST_GRANTED";
const SANDBOXES = [{ recipe: "none", missing: undefined } as const, ...await triedRecipes()];

for (const tried of SANDBOXES) {
  const { recipe, missing } = tried;
  Deno.test({
    name:
      `functions have the permissions that lease and node agree on, and no others, sandbox ${recipe}${
        need(tried)
      }`,
    ignore: missing !== undefined,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "rfaas-test-granted-" });
      await using cleanUp = new AsyncDisposableStack();
      cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
      await Deno.mkdir(`${folder}/open`);
      await Deno.mkdir(`${folder}/open-not`);
      for (const name of ["open/a", "open-not/a"]) {
        await Deno.writeTextFile(`${folder}/${name}`, "the text");
      }
      const listeners = [0, 1].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
      cleanUp.defer(() => listeners.forEach((listener) => listener.close()));
      const [open, closed] = listeners.map(({ addr }) => addr.port);
      Deno.env.set(VARIABLE, "its value");
      cleanUp.defer(() => Deno.env.delete(VARIABLE));
      const granted = {
        net: [`127.0.0.1:${open}`],
        read: [`${folder}/open`],
        env: [VARIABLE],
      };
      const cluster = cleanUp.use(await startCluster({ sandbox: recipe, permissions: granted }));
      const client = await cluster.connect();
      const take = async (permissions?: FunctionPermissions) => {
        const lease = await client.lease({ functions, ...(permissions ? { permissions } : {}) });
        return async (body: string) =>
          new TextDecoder().decode(await lease.invoke("run", new TextEncoder().encode(body)));
      };
      const dial = (port: number | undefined) =>
        `(await Deno.connect({ hostname: "127.0.0.1", port: ${port} })).close(); return "there";`;
      const read = (path: string) => `return await Deno.readTextFile("${folder}/${path}");`;
      const variable = (name: string) => `return Deno.env.get("${name}");`;

      const run = await take(granted);
      assertEquals(await run(dial(open)), "there");
      assertEquals(await run(read("open/a")), "the text");
      assertEquals(await run(variable(VARIABLE)), "its value");
      const names = "return Object.keys(Deno.env.toObject()).join();";
      assertEquals(await run(variable("PATH")), "undefined");
      assertEquals(await run(names), VARIABLE);
      const beyond = [
        dial(closed),
        read("open-not/a"),
        read("open/../open-not/a"),
        `return Deno.writeTextFile("${folder}/open/b", "");`,
        `return Deno.listen({ port: ${closed} });`,
        "return fetch('http://example.org/');",
        "return import('https://example.org/x.js');",
        "return Deno.readTextFile('/proc/self/environ');",
        "return new Deno.Command('true').output();",
        "return Deno.dlopen('libc.so.6', {});",
        "return Deno.hostname();",
      ];
      for (const body of beyond) assert((await run(body)).startsWith("threw "), body);

      const modest = await take();
      assertEquals(await modest(dial(open)), "threw NotCapable");
      assertEquals(await modest(read("open/a")), "threw NotFound");
      assertEquals(await modest(variable(VARIABLE)), "undefined");
      const others: [FunctionPermissions, string][] = [
        [{ net: [`127.0.0.1:${closed}`] }, `net 127.0.0.1:${closed}`],
        [{ net: ["127.0.0.1"] }, "net 127.0.0.1"],
        [{ ...granted, read: [`${folder}/open`, folder] }, `read ${folder}`],
        [{ env: ["PATH"] }, "env PATH"],
      ];
      for (const [permissions, entry] of others) {
        const error = await assertRejects(() => take(permissions), LeaseRefusedError, entry);
        assertEquals((error as LeaseRefusedError).reason, "permissions");
      }
    },
  });
}

Deno.test("`checkPermissionRules()` refuses variables of traces", () => {
  assertThrows(
    () => checkPermissionRules({ env: ["*", "OTEL_EXPORTER_OTLP_HEADERS"] }),
    TypeError,
    "no function may read OTEL_EXPORTER_OTLP_HEADERS",
  );
});

Deno.test("`firstNotAllowed()` compares hosts and ports, folders and their contents, and names", () => {
  const cases: [keyof FunctionPermissions, rule: string, entry: string, isAllowed: boolean][] = [
    ["net", "a.org", "a.org", true],
    ["net", "a.org", "A.org:80", true],
    ["net", "a.org:80", "a.org:80", true],
    ["net", "a.org:80", "a.org", false],
    ["net", "a.org:80", "a.org:8", false],
    ["net", "a.org:8", "a.org:80", false],
    ["net", "a.org", "b.a.org", false],
    ["net", "a.org", "a.org.b", false],
    ["net", "[::1]", "[::1]:80", true],
    ["net", "[::1]:80", "[::1]", false],
    ["net", "*", "a.org:80", true],
    ["read", "/data", "/data", true],
    ["read", "/data", "/data/a/b", true],
    ["read", "/data", "/database", false],
    ["read", "/data/a", "/data", false],
    ["read", "/", "/etc", true],
    ["env", "A", "A", true],
    ["env", "A", "AB", false],
    ["env", "A", "a", false],
    ["env", "*", "A", true],
    ["env", "*", "RFAAS_TOKEN", false],
    ["env", "RFAAS_X", "RFAAS_X", true],
    ["env", "*", "OTEL_DENO", false],
    ["env", "OTEL_DENO", "OTEL_DENO", false],
  ];
  for (const [kind, rule, entry, isAllowed] of cases) {
    const refused = firstNotAllowed(
      { ...NO_PERMISSIONS, [kind]: [entry] },
      { ...NO_PERMISSIONS, [kind]: [rule] },
    );
    assertEquals(refused, isAllowed ? undefined : `${kind} ${entry}`, `${rule}, ${entry}`);
  }
});

Deno.test("`checkPermissions()` accepts valid values of Deno's flags, and names the kind of any other entry", () => {
  checkPermissions({ net: ["a-b.org:80", "[::1]:1", "10.0.0.1"], read: ["/", "/a b/c.d"] });
  const wrong: [keyof FunctionPermissions, string[]][] = [
    ["net", ["", "*", "a,b", "a:b", "a b", "a:80:80", "http://a", "a/b", "a\n", "a:999999"]],
    ["read", ["", "a", "./a", "/a/", "/a//b", "/../a", "/a/..", "/a/./b", "/a,/b", "/a\0", "//"]],
    ["env", ["", "*", "A,B", "A=B", "1A", "A B"]],
  ];
  for (const [kind, entries] of wrong) {
    for (const entry of entries) {
      assertThrows(() => checkPermissions({ [kind]: [entry] }), TypeError, `permissions.${kind}`);
    }
  }
  const many = Array.from({ length: 33 }, (_, i) => `A${i}`);
  assertThrows(() => checkPermissions({ env: many }), TypeError, "more than 32");
  assertThrows(() => checkPermissions({ env: ["A".repeat(257)] }), TypeError, "more than 256");
  assertThrows(() => checkPermissions({ run: ["x"] } as FunctionPermissions), TypeError);
});

Deno.test("`checkPermissions()` names what is wrong with a path", () => {
  for (
    const [path, words] of [
      ["a", 'expected an absolute path, not "a"'],
      ["/a/", 'expected a path without a slash at its end, not "/a/"'],
      ["/a//b", 'expected a path with single slashes, not "/a//b"'],
      ["/a/../b", 'expected a path without . and .., not "/a/../b"'],
      ["/a,b", 'expected a path without commas and zero bytes, not "/a,b"'],
    ] as const
  ) {
    assertThrows(() => checkPermissions({ read: [path] }), TypeError, words);
  }
});

Deno.test("`checkPermissions()` names a permission that there is not, and lists that are none", () => {
  for (
    const [permissions, words] of [
      [{ run: ["x"] }, "there is no permission run, only net, read, env"],
      [{ net: "a" }, "permissions.net: expected a list"],
      [{ env: [1] }, "permissions.env: expected texts, not 1"],
    ] as const
  ) {
    assertThrows(() => checkPermissions(permissions as never), TypeError, words);
  }
  assertEquals(checkPermissions({ net: ["a"] }), { ...NO_PERMISSIONS, net: ["a"] });
});
