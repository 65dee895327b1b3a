/**
 * Rebuilds `vendor/`: the parts of npm packages that `mod.ts`, `functions.ts` and `manager.ts` use, one file a package.
 * Those of the dashboard's page are beside its modules.
 *
 * Apps import these modules from projects of their own. There an `npm:` specifier fails where the project has a
 * package.json or a node_modules folder that lacks the package, is offline, or is compiled. Run this after a change of
 * a version or of the list of names: `deno run --allow-all scripts/vendor.ts`. Needs npm, for the types.
 *
 * @module
 */

/** A package and the names that are used of it. */
export interface Vendored {
  /** The file in `vendor/`, without its ending. */
  readonly file: string;
  /** The folder. @default {"vendor/"} */
  readonly folder?: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** The modules of the package that have the names. @default {[""]} its main module */
  readonly paths?: readonly string[];
  readonly names: readonly string[];
  /** Names of types alone. */
  readonly types?: readonly string[];
  /** Whether its types are declared beside its users, because the package has none that can be used. */
  readonly typesElsewhere?: true;
}

export const VENDORED: readonly Vendored[] = [
  {
    file: "valibot",
    name: "valibot",
    version: "1.5.0",
    license: "MIT",
    names: [
      ...["array", "boolean", "check", "custom", "exactOptional", "flatten", "getDotPath"],
      ...["integer", "literal", "looseObject", "maxLength", "maxValue", "minLength", "minValue"],
      ...[
        "nullable",
        "number",
        "object",
        "optional",
        "parse",
        "picklist",
        "pipe",
        "rawTransform",
        "readonly",
        "record",
        "regex",
      ],
      ...["safeParse", "strictObject", "string", "transform", "union"],
    ],
    types: ["GenericIssue", "GenericSchema", "InferOutput"],
  },
  {
    file: "msgpack",
    name: "@msgpack/msgpack",
    version: "3.1.3",
    license: "ISC",
    names: ["Decoder", "Encoder"],
  },
  {
    file: "es_module_lexer",
    name: "es-module-lexer",
    version: "3.0.5",
    license: "MIT",
    paths: ["/minimal/js"],
    names: ["parse"],
    typesElsewhere: true,
  },
  {
    file: "sourcemap_codec",
    name: "@jridgewell/sourcemap-codec",
    version: "1.6.0",
    license: "MIT",
    names: ["decode"],
    typesElsewhere: true,
  },
  {
    file: "std_async",
    name: "deno-std",
    version: "1.4.0",
    license: "MIT",
    paths: ["/async/abortable.js", "/async/deadline.js", "/async/delay.js"],
    names: ["abortable", "deadline", "delay"],
    typesElsewhere: true,
  },
  {
    file: "std_text",
    name: "deno-std",
    version: "1.4.0",
    license: "MIT",
    paths: ["/text/levenshtein_distance.js"],
    names: ["levenshteinDistance"],
    typesElsewhere: true,
  },
  {
    file: "preact",
    folder: "manager/resource/ui/page/",
    name: "preact",
    version: "11.2.0",
    license: "MIT",
    paths: ["", "/hooks"],
    names: ["h", "render", "useEffect", "useLayoutEffect", "useRef", "useState"],
    typesElsewhere: true,
  },
  {
    file: "htm",
    folder: "manager/resource/ui/page/",
    name: "htm",
    version: "3.1.1",
    license: "Apache-2.0",
    names: ["default"],
    typesElsewhere: true,
  },
];

/** The file of a package. */
export function fileOf({ file, folder = "vendor/" }: Vendored): URL {
  return new URL(`../${folder}${file}.js`, import.meta.url);
}

/** The bundler that writes declarations. It is needed here alone. */
const TYPE_BUNDLER = ["rollup@4.68.8", "rollup-plugin-dts@6.5.1", "typescript@5.9.3"];

/** The JavaScript of a vendored package, as `vendor/` has it. */
export async function vendoredCode(
  { file, name, version, license, paths = [""], names }: Vendored,
) {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-vendor-" });
  try {
    await Deno.writeTextFile(`${folder}/deno.json`, `{ "nodeModulesDir": "none" }`);
    await Deno.writeTextFile(
      `${folder}/${file}.js`,
      exportsOf(paths.map((path) => `npm:${name}@${version}${path}`), names),
    );
    const code = await run(
      Deno.execPath(),
      ["bundle", "--quiet", "--no-lock", `${file}.js`],
      folder,
    );
    // The bundler names each module of the package in a comment, by a path of this host.
    const clean = code.replace(/^\/\/ .*\/(?=[^/]+\/\d+\.\d+\.\d+\/)/gm, "// ")
      // A bundler keeps side effects: the packages of all apps would contain these objects.
      .replace(/^((?:var|let|const| {2}static) [\w$]+ = )new /gm, "$1/* @__PURE__ */ new ")
      .replace(/^(var \w+ = )(\d+) - 1;/gm, (_, start, number) => `${start}${Number(number) - 1};`)
      .replace("new Uint8Array(EMPTY_VIEW.buffer)", "new Uint8Array(0)")
      .replace("(new ArrayBuffer(0))", "(/* @__PURE__ */ new ArrayBuffer(0))")
      .replace(/^try \{\n {2}EMPTY_VIEW[\s\S]*?^\}\n/m, ""); // a check of the engine
    return `// ${name} ${version}, license ${license}. Generated by scripts/vendor.ts.\n${clean}`;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Returns a module that exports the names of one module, or all exports of several modules. */
function exportsOf(modules: readonly string[], names: readonly string[]): string {
  const what = modules.length === 1 ? `{ ${names.join(", ")} }` : "*";
  return modules.map((module) => `${"export"} ${what} from "${module}";`).join("\n");
}

async function run(program: string, args: readonly string[], cwd: string): Promise<string> {
  const command = new Deno.Command(program, { args: [...args], cwd, stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  if (!success) {
    throw new Error(`Cannot run ${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
  }
  return new TextDecoder().decode(stdout);
}

async function writeTypes(packages: readonly Vendored[], vendor: URL): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-vendor-" });
  try {
    await Deno.writeTextFile(`${folder}/package.json`, "{}");
    const specifiers = packages.map(({ name, version }) => `${name}@${version}`);
    await run("npm", ["install", "--no-save", ...TYPE_BUNDLER, ...specifiers], folder);
    for (const { file, name, version, license, paths = [""], names, types = [] } of packages) {
      await Deno.writeTextFile(
        `${folder}/${file}.ts`,
        exportsOf(paths.map((path) => name + path), [
          ...names,
          ...types.map((type) => `type ${type}`),
        ]),
      );
      await Deno.writeTextFile(
        `${folder}/rollup.config.mjs`,
        `${"import"} dts from "rollup-plugin-dts";
         export default { input: "${file}.ts", output: { file: "${file}.d.ts" },
           plugins: [dts({ respectExternal: true, includeExternal: ["${name}", ${
          paths.map((path) => `"${name}${path}"`).join()
        }], compilerOptions: { removeComments: true } })] };`,
      );
      await run("node", ["node_modules/rollup/dist/bin/rollup", "-c"], folder);
      const text = await Deno.readTextFile(`${folder}/${file}.d.ts`);
      const clean = text.replace(/\/\*\*[\s\S]*?\*\/\s*/g, "");
      const head = `// ${name} ${version}, license ${license}. Generated by scripts/vendor.ts.\n`;
      await Deno.writeTextFile(new URL(`${file}.d.ts`, vendor), head + clean);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  for (const each of VENDORED) await Deno.writeTextFile(fileOf(each), await vendoredCode(each));
  await writeTypes(
    VENDORED.filter(({ typesElsewhere }) => !typesElsewhere),
    new URL("../vendor/", import.meta.url),
  );
}
