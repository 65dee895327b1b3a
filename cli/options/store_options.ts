/** The options of the store of the resource manager. */

import type { Command } from "commander";
import type { StoreOptions } from "../../manager/resource/store/open_store.ts";
import type { EffectiveSettings } from "../config/effective_settings.ts";

export interface StoreFlags {
  store?: string;
  storeCaCert?: string;
  storeCert?: string;
  storeKey?: string;
  storeUser?: string;
  storePasswordFile?: string;
}

export function addStoreOptions(command: Command): Command {
  return addStoreAccess(command.option(
    "--store <address>",
    "Where the rows are kept: sqlite:PATH or etcd://HOST:PORT,HOST:PORT/PREFIX (default: " +
      "state.sqlite in the state folder)",
  ));
}

/** The options of the access to etcd. */
export function addStoreAccess(command: Command): Command {
  return command
    .option("--store-ca-cert <file>", "Certificates (PEM) to trust for etcd, which then uses TLS")
    .option("--store-cert <file>", "Certificate (PEM) that etcd requires")
    .option("--store-key <file>", "Private key of that certificate (PEM)")
    .option("--store-user <name>", "User of etcd")
    .option("--store-password-file <file>", "File with the password of that user");
}

/** @throws {TypeError} If a setting is wrong. */
export function storeOf(settings: EffectiveSettings): StoreOptions {
  return definedOf({
    address: settings.get("resourceManager.store.address"),
    caFile: settings.get("resourceManager.store.caCertificate"),
    certFile: settings.get("resourceManager.store.certificate"),
    keyFile: settings.get("resourceManager.store.key"),
    user: settings.get("resourceManager.store.user"),
    passwordFile: settings.get("resourceManager.store.passwordFile"),
  });
}

/** Without the fields that are not set. */
export function definedOf<T extends object>(
  fields: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
