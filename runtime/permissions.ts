/** What the functions of a lease may do beyond computing: nothing, unless it is asked for and their node allows it. */

import * as v from "./valibot.ts";

/** Asked for with {@linkcode LeaseOptions.permissions}, and allowed by a node's owner. Each list is empty by default. */
export interface FunctionPermissions {
  /** Whom to connect to: `host:port`, or `host` for all its ports. */
  readonly net?: readonly string[];
  /** Files and folders to read, by absolute path. */
  readonly read?: readonly string[];
  /** Variables of the node's environment to read. */
  readonly env?: readonly string[];
}

/** The same with nothing left out. */
export type AllPermissions = Required<FunctionPermissions>;

export const NO_PERMISSIONS: AllPermissions = { net: [], read: [], env: [] };

/** Entries of a list, and characters of an entry: they become arguments of a process. */
const MAX_ENTRIES = 32;
const MAX_CHARACTERS = 256;

// Deno parts the entries of its flags by commas.
const NET = /^([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?$/;
const ENV = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Absolute, and in the one form that can be compared. */
function isPath(text: string): boolean {
  const names = text.slice(1).split("/");
  const isPlain = (name: string) => name !== "" && name !== "." && name !== "..";
  return text.startsWith("/") && !/[,\0]/.test(text) && (text === "/" || names.every(isPlain));
}

function list(
  name: keyof FunctionPermissions,
  isSound: (text: string) => boolean,
  what: string,
) {
  const entry = v.pipe(
    v.string(),
    v.maxLength(
      MAX_CHARACTERS,
      `permissions.${name}: an entry has more than ${MAX_CHARACTERS} characters`,
    ),
    v.check(
      isSound,
      ({ input }) => `permissions.${name}: expected ${what}, not ${JSON.stringify(input)}`,
    ),
  );
  return v.pipe(
    v.array(entry),
    v.maxLength(MAX_ENTRIES, `permissions.${name}: more than ${MAX_ENTRIES} entries`),
  );
}

/** As they travel in the request `admit`. */
export const Permissions = v.strictObject({
  net: list("net", (text) => NET.test(text), '"host:port" or "host"'),
  read: list("read", isPath, "an absolute path without . and .. and commas"),
  env: list("env", (text) => ENV.test(text), "the name of a variable"),
});

/** @throws {TypeError} naming the entry that makes no sense. */
export function checkPermissions(
  permissions: FunctionPermissions = {},
  what = "take lease",
): AllPermissions {
  const checked = v.safeParse(Permissions, { ...NO_PERMISSIONS, ...permissions });
  if (checked.success) return checked.output;
  throw new TypeError(`Cannot ${what}: ${checked.issues[0].message}`);
}

/** Whether anything at all is asked for. */
export function hasPermissions({ net, read, env }: AllPermissions): boolean {
  return net.length + read.length + env.length > 0;
}
