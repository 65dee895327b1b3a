/** The rules of the project's structure. Each returns one line a breach. */

import { modulesOf, referencesOf, type SourceTree, withoutComments } from "./source_tree.ts";

/** Returns what breaks a rule. */
export type Rule = (tree: SourceTree) => string[];

/** From the top down. A layer may use itself and those after it. */
const LAYERS = ["cli", "manager", "runtime", "fabric", "ffi"];
/** What other folders and entry points may use, besides themselves. */
const OTHERS: Record<string, readonly string[]> = {
  "mod.ts": ["runtime"],
  // The entry point of authors of functions.
  "functions.ts": ["runtime"],
  // The client of the HTTP interface.
  "manager.ts": ["runtime"],
  // The fabric, since one of them is an rping, which has no leases.
  examples: ["mod.ts", "functions.ts", "manager.ts", "fabric", "ffi", "cli", "bench"],
};
/** Deno's standard library, typed, and npm packages as files: every layer may use them, and they use none. */
const LEAVES = ["std", "vendor"];
/** The modules that importers of the package load: no import map applies there. */
const PUBLISHED = [
  "mod.ts",
  "functions.ts",
  "manager.ts",
  "manager",
  "runtime",
  "fabric",
  "ffi",
  ...LEAVES,
];
/** These may use anything. */
const FREE = ["tests", "bench", "scripts"];
/** Lines of a file. */
const MAX_LINES = 400;
/** Modules of a folder, without those of its subfolders. */
const MAX_FILES = 25;
/** Test folders that mirror no folder: they test the whole, its pages, or what it is used with. */
const UNMIRRORED_TESTS = ["faults", "integrations", "integrations/slurm", "packages", "vm"];
/** Folders of modules that tests share. */
const TEST_HELPERS = [
  "tests/support/",
  // Tests themselves, which both fabrics run.
  "tests/fabric/conformance/",
];
/** Tables of cases beside the one test that reads them. */
const TEST_CASES = ["tests/packages/npm_packages.ts"];

/** The layer of a path: its first folder, `cli` for cli.ts, or the name of an entry point at the root. */
function layerOf(path: string): string {
  if (path.includes("/")) return path.slice(0, path.indexOf("/"));
  return path === "cli.ts" ? "cli" : path;
}

function isPath(to: string): boolean {
  return !/^[a-z]+:/.test(to) && /\.(ts|js|json|mjs|html|css|svg)$/.test(to);
}

export const importsRunOneWay: Rule = (tree) =>
  modulesOf(tree).flatMap((from) => {
    const layer = layerOf(from);
    if (FREE.includes(layer)) return [];
    const below = LAYERS.includes(layer) ? LAYERS.slice(LAYERS.indexOf(layer)) : [layer];
    const allowed = [...below, ...OTHERS[layer] ?? [], ...LEAVES, "deno.json"];
    return referencesOf(tree, from)
      // The command starts the demo and the benchmark as programs of their own.
      .filter(({ to, by }) => isPath(to) && !(layer === "cli" && by === "url"))
      .filter(({ to }) => !allowed.includes(layerOf(to)))
      .map(({ to }) => `${from} uses ${to}`);
  });

export const nativeCodeStaysInFfi: Rule = (tree) =>
  modulesOf(tree).filter((path) => !/^(ffi|tests)\//.test(path)).flatMap((path) => {
    const used = /\bDeno\.(dlopen|Unsafe\w+|Pointer\w+)/.exec(withoutComments(tree.get(path)!));
    return used ? [`${path} uses ${used[0]}`] : [];
  });

export const noImportCycles: Rule = (tree) => {
  const targets = modulesOf(tree).map((path) =>
    [
      path,
      referencesOf(tree, path).filter(({ to, by }) => by === "import" && tree.has(to))
        .map(({ to }) => to),
    ] as const
  );
  return cyclesOf(new Map(targets));
};

/** A folder of a layer counts as one with everything in it, at each depth. */
export const noCyclesBetweenFolders: Rule = (tree) => {
  const targets = new Map<string, string[]>();
  for (const from of modulesOf(tree)) {
    if (![...LAYERS, "examples"].includes(from.split("/")[0]!)) continue;
    for (const { to } of referencesOf(tree, from)) {
      if (!tree.has(to) || to === from) continue;
      const [user, used] = whereTheyDiffer(from, to);
      if (user.includes("/")) targets.set(user, [...targets.get(user) ?? [], used]);
    }
  }
  return cyclesOf(targets);
};

/** Of two paths, the first folder or file of each that differs, with the folders before it. */
function whereTheyDiffer(from: string, to: string): [string, string] {
  const [a, b] = [from.split("/"), to.split("/")];
  const depth = a.findIndex((name, at) => name !== b[at]) + 1;
  return [a.slice(0, depth).join("/"), b.slice(0, depth).join("/")];
}

function cyclesOf(targets: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
    } else if (!done.has(path)) {
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
      done.add(path);
    }
  };
  for (const path of targets.keys()) visit(path, []);
  return cycles;
}

export const filesStayShort: Rule = (tree) =>
  modulesOf(tree).filter((path) => layerOf(path) !== "vendor").flatMap((path) => {
    const lines = tree.get(path)!.split("\n").length - 1;
    return lines > MAX_LINES ? [`${path} has ${lines} lines, ${MAX_LINES} at most`] : [];
  });

export const foldersStaySmall: Rule = (tree) => {
  const counts = new Map<string, number>();
  for (const path of modulesOf(tree)) {
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > MAX_FILES)
    .map(([folder, count]) => `${folder} has ${count} files, ${MAX_FILES} at most`);
};

export const testsMirrorFolders: Rule = (tree) => {
  const folders = new Set(modulesOf(tree).flatMap(foldersOf));
  if ([...tree.keys()].some((path) => path.startsWith("docs/"))) folders.add("docs");
  const tested = new Set(
    modulesOf(tree).filter((path) => path.startsWith("tests/") && path.endsWith("_test.ts"))
      .flatMap(foldersOf).filter((folder) => folder !== "tests")
      .map((folder) => folder.slice("tests/".length)),
  );
  return [...tested].filter((folder) => !folders.has(folder) && !UNMIRRORED_TESTS.includes(folder))
    .map((folder) => `tests/${folder} mirrors no folder`);
};

/** All folders that a path is in. */
function foldersOf(path: string): string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, at) => parts.slice(0, at + 1).join("/"));
}

export const testHelpersStayInSupport: Rule = (tree) =>
  modulesOf(tree).filter((path) => path.startsWith("tests/") && !path.endsWith("_test.ts"))
    .filter((path) => !TEST_HELPERS.some((folder) => path.startsWith(folder)))
    .filter((path) => !TEST_CASES.includes(path))
    .map((path) => `${path} is no test`);

export const filesAreNamedByWhatTheyHold: Rule = (tree) =>
  modulesOf(tree).filter((path) => /(^|\/)(utils?|types|helpers|common|misc)\.ts$/.test(path))
    .map((path) => `${path} has a name that could be any file's`);

/**
 * The import map does not apply to importers of mod.ts. Each module of the standard library counts
 * as a package of its own.
 */
export const packagesAreInlineAndNamedOnce: Rule = (tree) => {
  const homes = new Map<string, Set<string>>();
  const breaches: string[] = [];
  for (const path of modulesOf(tree)) {
    if (!PUBLISHED.includes(layerOf(path))) continue;
    for (const { to } of referencesOf(tree, path)) {
      if (to.startsWith("vendor/")) homes.set(to, (homes.get(to) ?? new Set()).add(path));
      if (to.startsWith("node:") || isPath(to)) continue;
      const [, name, module] = /^npm:((?:@[^/]+\/)?[^@/]+)@\d+\.\d+\.\d+(\/.*|$)/.exec(to) ?? [];
      if (!name) {
        breaches.push(`${path} imports ${to}, which is no npm:name@x.y.z`);
        continue;
      }
      const home = name === "deno-std" ? name + module : name;
      homes.set(home, (homes.get(home) ?? new Set()).add(path));
    }
  }
  for (const [name, paths] of homes) {
    if (paths.size > 1) breaches.push(`${name} is named in ${[...paths].join(", ")}`);
  }
  return breaches;
};

/** What apps import. */
const APP_ENTRIES = ["mod.ts", "functions.ts", "manager.ts"];

/** In some projects the compiler finds no packages but the app's own, and no types of Node.js either. */
export const appsNeedNoPackages: Rule = (tree) => {
  const seen = new Set(APP_ENTRIES);
  const breaches: string[] = [];
  for (const from of seen) { // grows meanwhile
    if (!tree.has(from)) continue;
    for (const { to, by } of referencesOf(tree, from)) {
      if (by !== "import") continue;
      if (/^(node|npm):/.test(to)) breaches.push(`${from} imports ${to}, and apps import it`);
      else if (to.endsWith(".ts")) seen.add(to);
    }
  }
  return breaches;
};

export const versionsArePinned: Rule = (tree) => {
  const map = JSON.parse(tree.get("deno.json") ?? "{}").imports ?? {};
  const mapped = Object.entries(map as Record<string, string>)
    .filter(([, to]) =>
      !to.startsWith("./") && !/^npm:(@[^/]+\/)?[^@/]+@\d+\.\d+\.\d+(\/|$)/.test(to)
    )
    .map(([name, to]) => `deno.json maps ${name} to ${to}`);
  const inline = modulesOf(tree).flatMap((path) =>
    referencesOf(tree, path)
      .filter(({ to }) => to.startsWith("npm:") && !/@\d+\.\d+\.\d+(\/|$)/.test(to))
      .map(({ to }) => `${path} imports ${to}`)
  );
  return [...mapped, ...inline];
};

/** Everything that shows the version of the package reads it from deno.json. */
export const versionHasOneHome: Rule = (tree) => {
  const { version } = JSON.parse(tree.get("deno.json") ?? "{}");
  return modulesOf(tree).filter((path) => tree.get(path)!.includes(`"${version}"`))
    .map((path) => `${path} repeats the version`);
};

/** Programs of the repository that two commands run; the package has the commands and not the programs. */
const UNPUBLISHED_PROGRAMS = ["bench/run.ts", "examples/demo/demo.ts"];

/** What a published module refers to is published too, and so is each entry point. */
export const publishedModulesAreComplete: Rule = (tree) => {
  const { exports = {}, publish = {} } = JSON.parse(tree.get("deno.json") ?? "{}");
  const include: string[] = publish.include ?? [];
  const isPublished = (path: string) =>
    include.some((one) => one === path || (one.endsWith("/") && path.startsWith(one)));
  const entries = Object.values<string>(exports).map((path) => path.replace("./", ""))
    .filter((path) => !isPublished(path)).map((path) => `${path} is exported and not published`);
  const used = modulesOf(tree).filter(isPublished).flatMap((from) =>
    referencesOf(tree, from).map(({ to }) => to)
      .filter((to) => tree.has(to) && !isPublished(to) && !UNPUBLISHED_PROGRAMS.includes(to))
      .map((to) => `${from} uses ${to}, which is not published`)
  );
  return [...entries, ...used];
};

/** A module that is named by a URL is not checked by the compiler: a move would break it silently. */
export const namedModulesExist: Rule = (tree) =>
  modulesOf(tree).filter((from) => from !== "tests/architecture_test.ts").flatMap((from) =>
    referencesOf(tree, from)
      .filter(({ to, by }) => by === "url" && /\.(ts|js)$/.test(to) && !tree.has(to))
      .map(({ to }) => `${from} names ${to}, which does not exist`)
  );

export const nothingNamesThisMachine: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    const found = /(?<![\w.~$}-])\/(work|root|home|Users)\/[\w.-]+/.exec(text) ??
      /\b(registry\.[a-z-]+\.[a-z]+|npmjs\.[a-z]+)\b/.exec(text);
    return found ? [`${path} names ${found[0]}`] : [];
  });
