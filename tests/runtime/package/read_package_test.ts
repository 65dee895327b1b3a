import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { LeaseRefusedError } from "../../../mod.ts";
import { readPackage } from "../../../runtime/package/read_package.ts";

async function codeOf(functions: string): Promise<string> {
  return new TextDecoder().decode((await readPackage(functions)).source);
}

/** Bundles modules from a folder of their own, with that folder as the working directory. */
async function inFolder(name: string, test: (folder: string) => Promise<void>): Promise<void> {
  const base = await Deno.makeTempDir({ prefix: "rfaas-test-" });
  const folder = `${base}/${name}`;
  const before = Deno.cwd();
  try {
    await Deno.mkdir(folder);
    Deno.chdir(folder);
    await test(folder);
  } finally {
    Deno.chdir(before);
    await Deno.remove(base, { recursive: true });
  }
}

Deno.test("`readPackage()` accepts a text as a path, whatever characters it has", async () => {
  for (const name of ["p#1", "a?b", "x%41", "back\\slash", "a b", "ümläut", "c:d"]) {
    await inFolder(name, async (folder) => {
      for (
        const [file, value] of [["f.ts", 1], ["x%41.ts", 2], ["xA.ts", 3], ["b:c.ts", 4]] as const
      ) {
        await Deno.writeTextFile(file, `export const value${value} = () => ${value};`);
      }
      for (
        const [path, value] of [["f.ts", 1], ["./f.ts", 1], [`${folder}/f.ts`, 1], ["x%41.ts", 2], [
          "b:c.ts",
          4,
        ]] as const
      ) {
        const text = await codeOf(path);
        assert(text.includes(`value${value} =`), `${path} in ${name}: ${text}`);
      }
    });
  }
});

Deno.test("`readPackage()` accepts a text with a scheme as a URL", async () => {
  const text = "data:text/javascript,export const f = () => 7;";
  assert((await codeOf(text)).includes("f = () => 7"));
  await inFolder("p", async (folder) => {
    await Deno.writeTextFile("f g.ts", "export const f = () => 7;");
    assert((await codeOf(`file://${folder}/f%20g.ts`)).includes("f = () => 7"));
  });
});

Deno.test("`readPackage()` rejects with the name of a missing module", async () => {
  await inFolder("p#1", async () => {
    const error = await assertRejects(() => readPackage("none.ts"), LeaseRefusedError, "none.ts");
    assertEquals(error.reason, "bad-package");
    await assertRejects(() => readPackage("none.wasm"), LeaseRefusedError, "none.wasm");
  });
});

Deno.test("`readPackage()` reports an import of a missing module", async () => {
  await inFolder("p", async () => {
    await Deno.writeTextFile("f.ts", `import "./not_there.ts"; export const f = () => 7;`);
    await assertRejects(() => readPackage("f.ts"), LeaseRefusedError, "not_there.ts");
  });
});

Deno.test("`readPackage()` reports a missing folder", async () => {
  const error = await assertRejects(() => readPackage("/no where/f.ts"), LeaseRefusedError);
  assertMatch(error.message, /^Cannot bundle .*: there is no folder \/no where\/$/);
});

Deno.test("`readPackage()` states what deno.json needs for an import of bytes, which works then", async () => {
  await inFolder("p", async (folder) => {
    await Deno.writeTextFile("data.bin", "hello");
    await Deno.writeTextFile(
      "f.ts",
      `import data from "./data.bin" with { type: "bytes" }; export const f = () => data.length;`,
    );
    await assertRejects(
      () => readPackage("f.ts"),
      LeaseRefusedError,
      `to import file://${folder}/data.bin as bytes, its deno.json needs "unstable": ["raw-imports"]`,
    );
    await Deno.writeTextFile("deno.json", `{ "unstable": ["raw-imports"] }`);
    assert((await codeOf("f.ts")).includes(btoa("hello")));
  });
});

/** Runs `test` with these variables of the environment. */
async function withVariables(
  variables: Readonly<Record<string, string>>,
  test: () => Promise<void>,
): Promise<void> {
  const before = Object.keys(variables).map((name) => [name, Deno.env.get(name)] as const);
  try {
    for (const [name, value] of Object.entries(variables)) Deno.env.set(name, value);
    await test();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

Deno.test("`readPackage()` states what adds the bundler on a host that cannot download it", async () => {
  await inFolder("p", async (folder) => {
    await Deno.writeTextFile("f.ts", "export const f = () => 7;");
    const registry = "http://127.0.0.1:1"; // where nothing listens
    await withVariables(
      { DENO_DIR: `${folder}/cache`, NPM_CONFIG_REGISTRY: registry },
      async () => {
        const error = await assertRejects(() => readPackage("f.ts"), LeaseRefusedError);
        assertMatch(
          error.message,
          /run rfaas doctor once as this user \(error: Failed loading http:/,
        );
        assertEquals(error.message.includes("\n"), false);
      },
    );
  });
});

Deno.test("`readPackage()` names the file of DENO_CERT if the bundler cannot read it", async () => {
  await inFolder("p", async (folder) => {
    await Deno.writeTextFile("f.ts", "export const f = () => 7;");
    const variables = { DENO_CERT: "/absent", DENO_DIR: `${folder}/cache` }; // the bundler is to be downloaded
    await withVariables(variables, async () => {
      const error = await assertRejects(() => readPackage("f.ts"), LeaseRefusedError);
      const state =
        "the certificates in /absent cannot be read: No such file or directory (os error 2)";
      assertEquals(
        error.message,
        `Cannot bundle file://${folder}/f.ts: ${state} (DENO_CERT names that file)`,
      );
    });
  });
});
