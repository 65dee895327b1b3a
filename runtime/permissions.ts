/** What the functions of a lease may do beyond computing: nothing, unless the lease requests it and the node allows it. */

import * as v from "./valibot.ts";

/** Requested by {@linkcode LeaseOptions.permissions}, and allowed by a node's owner. Each list is empty by default. */
export interface FunctionPermissions {
  /** Hosts to connect to: `host:port`, or `host` for all its ports. */
  readonly net?: readonly string[];
  /** Files and folders to read, by absolute path. */
  readonly read?: readonly string[];
  /** Variables of the node's environment to read. */
  readonly env?: readonly string[];
}

/** The same with every list. */
export type AllPermissions = Required<FunctionPermissions>;

export const NO_PERMISSIONS: AllPermissions = { net: [], read: [], env: [] };

/** Limits of a list and of an entry: they become arguments of a process. */
const MAX_ENTRIES = 32;
const MAX_CHARACTERS = 256;

// Commas separate the entries of Deno's flags.
const NET = /^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;
const ENV = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Why a text is not a path in the one form that permits a comparison. */
function pathFault(text: string): string | undefined {
  if (!text.startsWith("/")) return "an absolute path";
  if (text === "/") return undefined;
  if (/[,\0]/.test(text)) return "a path without commas and zero bytes";
  const names = text.slice(1).split("/");
  if (names.at(-1) === "") return "a path without a slash at its end";
  if (names.includes("")) return "a path with single slashes";
  return names.some((name) => name === "." || name === "..")
    ? "a path without . and .."
    : undefined;
}

/** @param fault what is expected in place of a text; undefined if it is valid. */
function list(name: keyof FunctionPermissions, fault: (text: string) => string | undefined) {
  const entry = v.pipe(
    v.string(({ input }) => `permissions.${name}: expected texts, not ${JSON.stringify(input)}`),
    v.maxLength(
      MAX_CHARACTERS,
      `permissions.${name}: an entry has more than ${MAX_CHARACTERS} characters`,
    ),
    v.check(
      (text) => fault(text) === undefined,
      ({ input }) =>
        `permissions.${name}: expected ${fault(String(input))}, not ${JSON.stringify(input)}`,
    ),
  );
  return v.pipe(
    v.array(entry, `permissions.${name}: expected a list`),
    v.maxLength(MAX_ENTRIES, `permissions.${name}: more than ${MAX_ENTRIES} entries`),
    v.readonly(),
  );
}

/** As they travel with the terms of a lease. */
export const permissionsSchema = v.strictObject({
  net: list("net", (text) => NET.test(text) ? undefined : '"host:port" or "host"'),
  read: list("read", pathFault),
  env: list("env", (text) => ENV.test(text) ? undefined : "the name of a variable"),
});

/** @throws {TypeError} that names the first invalid entry. */
export function checkPermissions(
  permissions: FunctionPermissions = {},
  what = "take lease",
): AllPermissions {
  const unknown = Object.keys(permissions).find((name) => !Object.hasOwn(NO_PERMISSIONS, name));
  if (unknown !== undefined) {
    const known = Object.keys(NO_PERMISSIONS).join(", ");
    throw new TypeError(`Cannot ${what}: there is no permission ${unknown}, only ${known}`);
  }
  const checked = v.safeParse(permissionsSchema, { ...NO_PERMISSIONS, ...permissions });
  if (checked.success) return checked.output;
  throw new TypeError(`Cannot ${what}: ${checked.issues[0].message}`);
}

/** Whether any list has an entry. */
export function hasPermissions({ net, read, env }: AllPermissions): boolean {
  return net.length + read.length + env.length > 0;
}
