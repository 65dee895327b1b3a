/** The places outside of its own folders that a service uses, by its settings. */

import type { EffectiveSettings } from "../config/effective_settings.ts";
import type { SettingPath } from "../config/settings.ts";
import type { ServiceName, UnitOptions } from "./unit_text.ts";

/** What its unit opens to it. */
type Places = Pick<UnitOptions, "writes" | "runtime" | "listensLow">;

/** The first port that needs no capability. */
const FIRST_FREE_PORT = 1024;
/** Folders of the system there are made at each start. */
const RUN = /^\/run\/(?!user\/)(.+)$/;

/** Folders that `PrivateTmp` replaces. */
const TEMPORARY = /^(\/var)?\/tmp(\/|$)/;

const FILES: Record<ServiceName, readonly SettingPath[]> = {
  "resource-manager": [
    "resourceManager.store.caCertificate",
    "resourceManager.store.certificate",
    "resourceManager.store.key",
    "resourceManager.store.passwordFile",
    "resourceManager.tls.certificate",
    "resourceManager.tls.key",
    "resourceManager.metrics.tokenFile",
  ],
  "executor-manager": ["executorManager.tokenFile", "executorManager.metrics.tokenFile"],
};

/**
 * Returns the folders of the state, of the database and of Unix sockets that settings name.
 *
 * @throws {TypeError} If one of them, or a file to read, is relative: the service runs in another folder. Or if it is
 *   in /tmp, and the service has a /tmp of its own, which no other process sees.
 */
export function servicePlaces(
  service: ServiceName,
  settings: EffectiveSettings,
  hasOwnTmp: boolean,
): Places {
  const isManager = service === "resource-manager";
  const section = isManager ? "resourceManager" : "executorManager";
  const addresses = [
    ...isManager ? settings.require("resourceManager.listen") : [],
    settings.get(`${section}.metrics.listen`) ?? "",
  ];
  const store = isManager ? settings.get("resourceManager.store.address") ?? "" : "";
  const state = settings.isSet(`${section}.state`) ? [settings.require(`${section}.state`)] : [];
  const sockets = addresses.flatMap((address) => pathIn(address, "unix:"));
  const databases = pathIn(store, "sqlite:");
  const files = FILES[service].map((path) => settings.get(path)).filter((file) =>
    file !== undefined
  );
  for (const path of [...state, ...sockets, ...databases, ...files]) {
    checkPath(`${path}`, hasOwnTmp);
  }
  const folders = unique([...state, ...[...sockets, ...databases].map(folderOf)]);
  return {
    writes: folders.filter((folder) => !RUN.test(folder)),
    runtime: folders.flatMap((folder) => RUN.exec(folder)?.[1] ?? []),
    listensLow: addresses.some((address) => portOf(address) < FIRST_FREE_PORT),
  };
}

function checkPath(path: string, hasOwnTmp: boolean): void {
  const fault = !path.startsWith("/")
    ? "an absolute path"
    : hasOwnTmp && TEMPORARY.test(path)
    ? "a path outside of /tmp"
    : undefined;
  if (fault === undefined) return;
  throw new TypeError(`Cannot install service: expected ${fault}, got "${path}"`);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf("/")) || "/";
}

function pathIn(address: string, scheme: string): string[] {
  return address.startsWith(scheme) ? [address.slice(scheme.length)] : [];
}

/** Infinity for a socket, and for port 0, which is any free one. */
function portOf(address: string): number {
  const url = URL.parse(address);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return Infinity;
  return Number(url.port || (url.protocol === "https:" ? 443 : 80)) || Infinity;
}
