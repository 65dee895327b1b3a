/** What a node's owner allows functions, against what a lease asks for. */

import {
  type AllPermissions,
  checkPermissions,
  type FunctionPermissions,
  NO_PERMISSIONS,
} from "../../runtime/permissions.ts";

/** Stands for everything in a node's lists of hosts and variables. */
const ALL = "*";
/** What that leaves out: the manager's own variables, such as its token. They may be named one by one. */
const OWN = /^RFAAS_/;

/** @throws {TypeError} naming the rule that makes no sense. */
export function checkPermissionRules(rules: FunctionPermissions = {}): AllPermissions {
  const named = (list: readonly string[] = []) => list.filter((rule) => rule !== ALL);
  checkPermissions({ ...rules, net: named(rules.net), env: named(rules.env) }, "allow permissions");
  return { ...NO_PERMISSIONS, ...rules };
}

/** The first entry that is asked for and not allowed, such as `net example.org:80`; `undefined` if there is none. */
export function firstNotAllowed(
  asked: AllPermissions,
  allowed: AllPermissions,
): string | undefined {
  const rules = { net: coversHost, read: coversPath, env: coversName } as const;
  for (const kind of ["net", "read", "env"] as const) {
    const covers = rules[kind];
    const entry = asked[kind].find((entry) => !allowed[kind].some((rule) => covers(rule, entry)));
    if (entry !== undefined) return `${kind} ${entry}`;
  }
  return undefined;
}

/** A rule without a port covers all of them. */
function coversHost(rule: string, asked: string): boolean {
  const [mine, theirs] = [rule.toLowerCase(), asked.toLowerCase()];
  return rule === ALL || mine === theirs || (!hasPort(mine) && theirs.startsWith(`${mine}:`));
}

function hasPort(host: string): boolean {
  return /:\d+$/.test(host.startsWith("[") ? host.slice(host.indexOf("]")) : host);
}

/** A folder covers what lies in it. Links are followed: who allows a folder answers for the links in it. */
function coversPath(rule: string, asked: string): boolean {
  return rule === "/" || asked === rule || asked.startsWith(`${rule}/`);
}

function coversName(rule: string, asked: string): boolean {
  return rule === asked || (rule === ALL && !OWN.test(asked));
}
