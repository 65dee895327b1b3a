/** The permissions that a node's owner allows functions, compared with those that a lease requests. */

import {
  type AllPermissions,
  checkPermissions,
  type FunctionPermissions,
  NO_PERMISSIONS,
} from "../../../runtime/permissions.ts";

/** Covers everything in a node's lists of hosts and variables. */
const ALL = "*";
/** Exceptions: the manager's own variables, such as its token. A rule may name each of them. */
const OWN = /^RFAAS_/;
/** Variables of traces, which may hold secrets. With them Deno would trace the functions, so no rule covers them. */
const TRACES = /^OTEL_/;

/** @throws {TypeError} that names the first invalid rule. */
export function checkPermissionRules(rules: FunctionPermissions = {}): AllPermissions {
  const named = (list: readonly string[] = []) => list.filter((rule) => rule !== ALL);
  checkPermissions({ ...rules, net: named(rules.net), env: named(rules.env) }, "allow permissions");
  const ofTraces = rules.env?.find((name) => TRACES.test(name));
  if (ofTraces !== undefined) {
    throw new TypeError(`Cannot allow permissions: no function may read ${ofTraces}`);
  }
  return { ...NO_PERMISSIONS, ...rules };
}

/** The first entry that is requested and not allowed, such as `net example.org:80`; `undefined` if there is none. */
export function firstNotAllowed(
  requested: AllPermissions,
  allowed: AllPermissions,
): string | undefined {
  const rules = { net: coversHost, read: coversPath, env: coversName } as const;
  for (const kind of ["net", "read", "env"] as const) {
    const covers = rules[kind];
    const entry = requested[kind].find((entry) =>
      !allowed[kind].some((rule) => covers(rule, entry))
    );
    if (entry !== undefined) return `${kind} ${entry}`;
  }
  return undefined;
}

/** A rule without a port covers all of them. */
function coversHost(rule: string, requested: string): boolean {
  const [allowed, host] = [rule.toLowerCase(), requested.toLowerCase()];
  return rule === ALL || allowed === host || (!hasPort(allowed) && host.startsWith(`${allowed}:`));
}

function hasPort(host: string): boolean {
  return /:\d+$/.test(host.startsWith("[") ? host.slice(host.indexOf("]")) : host);
}

/** A folder covers what it contains. Links are followed: an owner who allows a folder allows its links. */
function coversPath(rule: string, requested: string): boolean {
  return rule === "/" || requested === rule || requested.startsWith(`${rule}/`);
}

function coversName(rule: string, requested: string): boolean {
  if (TRACES.test(requested)) return false;
  return rule === requested || (rule === ALL && !OWN.test(requested));
}
