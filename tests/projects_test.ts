/** Apps in the usual kinds of projects import mod.ts, functions.ts and manager.ts, pass the type checker, and bundle. */
import { assertEquals } from "@std/assert";
import { readPackage } from "../runtime/package/read_package.ts";

const rfaas = new URL("../", import.meta.url).href;

const APP = `import { connect, LeaseOverError } from "${rfaas}mod.ts";
import { ManagerClient } from "${rfaas}manager.ts";
import type * as functions from "./functions.ts";
export type Functions = typeof functions;
console.log(typeof connect, LeaseOverError.name, typeof ManagerClient);`;

const FUNCTIONS = `import { defineFunction, msgpack, struct } from "${rfaas}functions.ts";
export const add = defineFunction({ input: struct({ a: "f64", b: "f64" }), output: msgpack<number>() }, ({ a, b }) => a + b);`;

/** The files of a project beside the app. */
interface Project {
  readonly files: Readonly<Record<string, string>>;
  /** Whether the type checker runs, which takes seconds: set for kinds that change its result. */
  readonly checked?: true;
}

const json = JSON.stringify;

const PROJECTS: Readonly<Record<string, Project>> = {
  "no configuration": { files: {} },
  "a package.json": { files: { "package.json": json({ name: "app", dependencies: {} }) } },
  "a package.json and its own modules (byonm)": {
    checked: true,
    files: {
      "package.json": json({ name: "app", type: "module" }),
      "deno.json": json({ nodeModulesDir: "manual" }),
      "node_modules/left/package.json": json({ name: "left", version: "1.0.0" }),
    },
  },
  "nodeModulesDir auto": { files: { "deno.json": json({ nodeModulesDir: "auto" }) } },
  "a frozen lock file": {
    files: {
      "deno.json": json({ lock: { frozen: true } }),
      "deno.lock": json({ version: "5" }),
    },
  },
  "vendored modules": { files: { "deno.json": json({ vendor: true }) } },
  "an import map": { files: { "deno.json": json({ imports: { "rfaas": `${rfaas}mod.ts` } }) } },
  "a workspace": {
    files: {
      "deno.json": json({ workspace: ["./member"] }),
      "member/deno.json": json({ name: "@app/member", exports: "./mod.ts" }),
      "member/mod.ts": "export {};",
    },
  },
  "the compiler options of a web app": {
    checked: true,
    files: {
      "deno.json": json({
        compilerOptions: {
          lib: ["dom", "dom.asynciterable", "dom.iterable", "deno.ns"],
          jsx: "precompile",
          jsxImportSource: "x",
        },
      }),
    },
  },
  "loose compiler options": {
    checked: true,
    files: { "deno.json": json({ compilerOptions: { strict: false, strictNullChecks: false } }) },
  },
  "strict compiler options": {
    checked: true,
    files: {
      "deno.json": json({
        compilerOptions: {
          strict: true,
          noUncheckedIndexedAccess: true,
          exactOptionalPropertyTypes: true,
          noPropertyAccessFromIndexSignature: true,
          noUnusedLocals: true,
          noUnusedParameters: true,
          verbatimModuleSyntax: true,
          erasableSyntaxOnly: true,
        },
      }),
    },
  },
};

for (const [name, { files, checked }] of Object.entries(PROJECTS)) {
  Deno.test(`an app with ${name} runs, and its functions are bundled`, async (t) => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-project-" });
    try {
      for (
        const [path, text] of Object.entries({ ...files, "app.ts": APP, "functions.ts": FUNCTIONS })
      ) {
        await Deno.mkdir(`${folder}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
        await Deno.writeTextFile(`${folder}/${path}`, text);
      }
      const deno = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args,
          cwd: folder,
          stdin: "null",
          env: { NO_COLOR: "1" },
        }).output();
        const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
        assertEquals(code, 0, decode(stderr));
        return decode(stdout);
      };
      await t.step("run", async () => {
        assertEquals(await deno("run", "app.ts"), "function LeaseOverError function\n");
      });
      if (checked) {
        await t.step("check", async () => void await deno("check", "app.ts", "functions.ts"));
      }
      await t.step("bundle", async () => void await readPackage(`${folder}/functions.ts`));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
