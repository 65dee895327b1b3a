/** The address of a store: `sqlite:PATH` or `etcd://HOST:PORT,HOST:PORT/PREFIX`. */

/** The store in one SQLite file. */
export interface SqliteAddress {
  readonly kind: "sqlite";
  readonly path: string;
}

/** The store on the members of an etcd cluster. */
export interface EtcdAddress {
  readonly kind: "etcd";
  /** HOST:PORT of each member. */
  readonly members: readonly string[];
  /** The begin of all keys, without a slash at its end. */
  readonly prefix: string;
}

export type StoreAddress = SqliteAddress | EtcdAddress;

/** The port of etcd's clients. */
const ETCD_PORT = 2379;
const DEFAULT_PREFIX = "/rfaas";
const FORMS = "use sqlite:PATH or etcd://HOST:PORT,HOST:PORT/PREFIX";

/**
 * Reads an address.
 *
 * @throws {TypeError} if it has neither form. The message has no user and no password that it may contain.
 */
export function parseStoreAddress(text: string): StoreAddress {
  const sqlite = /^sqlite:(?!\/\/)(.+)$/.exec(text)?.[1];
  if (sqlite !== undefined) return { kind: "sqlite", path: sqlite };
  const [, hosts, prefix = DEFAULT_PREFIX] = /^etcd:\/\/([^/]+)(\/.*)?$/.exec(text) ?? [];
  if (hosts === undefined) throw cannotUse(shown(text), FORMS);
  if (hosts.includes("@")) {
    throw cannotUse(shown(text), "set the user by --store-user and --store-password-file");
  }
  return {
    kind: "etcd",
    members: hosts.split(",").map((host) => memberOf(host, text)),
    prefix: prefixOf(prefix, text),
  };
}

function memberOf(host: string, text: string): string {
  const url = URL.parse(`http://${host}`);
  if (url === null || url.host === "" || url.pathname !== "/" || url.search || url.hash) {
    throw cannotUse(shown(text), `${JSON.stringify(host)} is no HOST:PORT`);
  }
  const isBare = !/:\d+$/.test(host);
  return isBare ? `${url.hostname}:${ETCD_PORT}` : `${url.hostname}:${url.port || 80}`;
}

function prefixOf(prefix: string, text: string): string {
  const trimmed = prefix.replace(/\/+$/, "");
  if (trimmed === "") return DEFAULT_PREFIX;
  if (/^(\/[A-Za-z0-9._-]+)+$/.test(trimmed)) return trimmed;
  throw cannotUse(
    shown(text),
    "a prefix consists of letters, digits, dots, dashes and underscores between slashes",
  );
}

function shown(text: string): string {
  return text.replace(/\/\/[^/]*@/, "//…@");
}

function cannotUse(address: string, state: string): TypeError {
  return new TypeError(`Cannot use store ${JSON.stringify(address)}: ${state}`);
}
