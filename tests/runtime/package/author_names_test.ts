/** What a bundle has of the author's names, and of the folders of the client. */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { withAuthorNames } from "../../../runtime/package/author_names.ts";
import { readPackage } from "../../../runtime/package/read_package.ts";

/** Bundles `main.ts` of a folder with these files, and runs it. */
async function bundled(files: Record<string, string>) {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-secret-folder-" });
  try {
    await Deno.mkdir(`${folder}/app`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const { source, translate } = await readPackage(`${folder}/app/main.ts`);
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const text = new TextDecoder().decode(source);
    return { text, translate, exports: await import(url) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const from = (what: string, module: string) => `${"import"} ${what} from "${module}";\n`;

Deno.test("`readPackage()` keeps the names of classes that the bundler renames", async () => {
  const { exports, text, translate } = await bundled({
    "app/main.ts": from("{ AppError as Other }", "./other.ts") +
      from("common", "./common.cjs") + from("* as named", "./named.ts") + `
        class AppError extends Error {
          static readonly first = new AppError("self");
          constructor(message: string) {
            super(message);
            this.name = new.target.name;
          }
        }
        export class Own extends AppError {}
        const lines = \`
var AppError2 = class extends Error {
\`;
        function local() {
          class AppError extends Other {}
          return AppError;
        }
        export const names = async () => [
          AppError, Other, common.AppError, Own, local(), (await import("./lazy.ts")).AppError, named.AppError,
        ].map(({ name }) => name);
        export const text = () => lines;
        export const fail = () => { throw new AppError("here"); };`,
    "app/other.ts": "export class AppError extends Error {}",
    "app/common.cjs": "class AppError extends Error {}\nmodule.exports = { AppError };",
    "app/lazy.ts": "export class AppError extends Error { static again = AppError; }",
    "app/named.ts": 'export class AppError extends Error { static override name = "Mine"; }',
  });
  assertEquals(await exports.names(), [
    ...["AppError", "AppError", "AppError", "Own", "AppError", "AppError", "Mine"],
  ]);
  assertEquals(exports.text(), "\nvar AppError2 = class extends Error {\n");
  assertStringIncludes(text, "var AppError2 = class extends Error {\n");
  const error = assertThrows(exports.fail, Error);
  assertEquals(error.name, "AppError");
  assertStringIncludes(translate(error.stack!), "./main.ts:24:");
});

Deno.test("`readPackage()` leaves no folder of the client in a bundle", async () => {
  const { text, exports } = await bundled({
    "app/main.ts": from("{ a }", "../a.ts") + from("common", "../common.cjs") +
      from("mime", "npm:mime-types@2.1.35") + `
        export const f = () => [a, common.at(), mime.lookup("a.txt")];
        export const comment = \`
// ../other.ts
// main.ts
\`;`,
    "a.ts": "export const a = 1;",
    "common.cjs": "exports.at = () => new Error().stack;",
  });
  const [a, stack, type] = exports.f();
  assertEquals([a, type], [1, "text/plain"]);
  assert(!stack.includes("secret"), stack);
  assertEquals(exports.comment, "\n// ../other.ts\n// main.ts\n");
  for (const part of ["secret", "/npm/", "../a.ts", "../common.cjs", "/.cache/"]) {
    assertEquals(text.split("\n").filter((line) => line.includes(part)), []);
  }
  assertStringIncludes(text, '"npm:mime-types@2.1.35/index.js"(exports) {');
});

Deno.test("`withAuthorNames()` returns a bundle whose source map is missing or malformed", () => {
  const code = "// ../a.ts\nvar A2 = class {\n};\n";
  assertEquals(withAuthorNames(code, undefined), code);
  assertEquals(withAuthorNames(code, btoa("{")), code);
  const map = btoa(JSON.stringify({ sources: ["../a.ts"], names: [], mappings: "AAAA" }));
  assertEquals(withAuthorNames(code, map), code.replace("// ../a.ts", "//"));
});
