/** What must hold of all the code. Each rule gives one line a breach. */

import { modulesOf, referencesOf, type SourceTree, withoutComments } from "./source_tree.ts";

/** A rule: gives what breaks it. */
export type Rule = (tree: SourceTree) => string[];

/** From the top down. A room may use itself and those after it. */
const ROOMS = ["cli", "manager", "runtime", "fabric", "ffi"];
/** What the other rooms may use, beside themselves. */
const OTHERS: Record<string, readonly string[]> = {
  mod: ["runtime"],
  // What the authors of functions import.
  functions: ["runtime"],
  // The fabric, since one of them is an rping, which knows of no leases.
  examples: ["mod", "functions", "fabric", "ffi", "cli", "bench"],
};
/** These may use anything. */
const FREE = ["tests", "bench", "scripts"];
/** Lines of the longest file. */
const MAX_LINES = 400;

/** The room of a path: its first folder, or the name of a module at the root. */
function roomOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : path.replace(/\.ts$/, "");
}

function isPath(to: string): boolean {
  return !/^[a-z]+:/.test(to) && /\.(ts|js|json|mjs)$/.test(to);
}

export const importsRunOneWay: Rule = (tree) =>
  modulesOf(tree).flatMap((from) => {
    const room = roomOf(from);
    if (FREE.includes(room)) return [];
    const below = ROOMS.includes(room) ? ROOMS.slice(ROOMS.indexOf(room)) : [room];
    const allowed = [...below, ...OTHERS[room] ?? [], "deno.json"];
    return referencesOf(tree, from)
      // The command starts the demo and the benchmark as programs of their own.
      .filter(({ to, by }) => isPath(to) && !(room === "cli" && by === "url"))
      .filter(({ to }) => !allowed.includes(roomOf(to)))
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

/** In a room, a folder counts as one with all that is in it, at each depth. */
export const noCyclesBetweenFolders: Rule = (tree) => {
  const targets = new Map<string, string[]>();
  for (const from of modulesOf(tree)) {
    if (!ROOMS.includes(from.split("/")[0]!)) continue;
    for (const { to } of referencesOf(tree, from)) {
      if (!tree.has(to) || to === from) continue;
      const [user, used] = whereTheyPart(from, to);
      if (user.includes("/")) targets.set(user, [...targets.get(user) ?? [], used]);
    }
  }
  return cyclesOf(targets);
};

/** The last folder, or the file itself, of two paths that lies in what both lie in. */
function whereTheyPart(from: string, to: string): [string, string] {
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
  modulesOf(tree).flatMap((path) => {
    const lines = tree.get(path)!.split("\n").length - 1;
    return lines > MAX_LINES ? [`${path} has ${lines} lines, ${MAX_LINES} at most`] : [];
  });

export const filesAreNamedByWhatTheyHold: Rule = (tree) =>
  modulesOf(tree).filter((path) => /(^|\/)(utils?|types|helpers|common|misc)\.ts$/.test(path))
    .map((path) => `${path} says nothing by its name`);

/** An import map does not reach those who import mod.ts from elsewhere. */
export const packagesAreInlineAndNamedOnce: Rule = (tree) => {
  const homes = new Map<string, Set<string>>();
  const breaches: string[] = [];
  for (const path of modulesOf(tree)) {
    if (!["mod", "functions", "manager", "runtime", "fabric", "ffi"].includes(roomOf(path))) {
      continue;
    }
    for (const { to } of referencesOf(tree, path)) {
      if (isPath(to) || to.startsWith("node:")) continue;
      const name = /^npm:((?:@[^/]+\/)?[^@/]+)@\d+\.\d+\.\d+(\/|$)/.exec(to)?.[1];
      if (!name) breaches.push(`${path} imports ${to}, which is no npm:name@x.y.z`);
      else homes.set(name, (homes.get(name) ?? new Set()).add(path));
    }
  }
  for (const [name, paths] of homes) {
    if (paths.size > 1) breaches.push(`${name} is named in ${[...paths].join(", ")}`);
  }
  return breaches;
};

export const versionsArePinned: Rule = (tree) => {
  const map = JSON.parse(tree.get("deno.json") ?? "{}").imports ?? {};
  const mapped = Object.entries(map as Record<string, string>)
    .filter(([, to]) => !/^npm:(@[^/]+\/)?[^@/]+@\d+\.\d+\.\d+(\/|$)/.test(to))
    .map(([name, to]) => `deno.json maps ${name} to ${to}`);
  const inline = modulesOf(tree).flatMap((path) =>
    referencesOf(tree, path)
      .filter(({ to }) => to.startsWith("npm:") && !/@\d+\.\d+\.\d+(\/|$)/.test(to))
      .map(({ to }) => `${path} imports ${to}`)
  );
  return [...mapped, ...inline];
};

export const nothingNamesThisMachine: Rule = (tree) =>
  [...tree].flatMap(([path, text]) => {
    const found = /(?<![\w.~$}-])\/(work|root|home|Users)\/[\w.-]+/.exec(text) ??
      /\b(registry\.[a-z-]+\.[a-z]+|npmjs\.[a-z]+)\b/.exec(text);
    return found ? [`${path} names ${found[0]}`] : [];
  });
