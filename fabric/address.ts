/** Addresses of the fabric: `shm:NAME`, `verbs://HOST:PORT`. */

import { FabricError } from "./errors.ts";

/** A parsed fabric address. */
export type Address =
  | { readonly provider: "shm"; readonly name: string }
  | { readonly provider: "verbs"; readonly host: string; readonly port: number };

/** Names of shm addresses: short enough for a socket's name, and free of characters that need quoting. */
const SHM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/;

/**
 * Parses an address.
 *
 * @example
 * ```ts
 * import { parseAddress } from "./address.ts";
 * parseAddress("verbs://10.0.0.1:7471"); // { provider: "verbs", host: "10.0.0.1", port: 7471 }
 * ```
 *
 * @throws {FabricError} code `address` when the text is no address; the message has the text.
 */
export function parseAddress(text: string): Address {
  const bad = (state: string) =>
    new FabricError(
      `Cannot read fabric address ${JSON.stringify(text.slice(0, 200))}: ${state}`,
      "address",
    );
  if (text.startsWith("shm:")) {
    const name = text.slice(4);
    if (!SHM_NAME.test(name)) {
      throw bad("expected a name of 1 to 80 letters, digits, dots, dashes and underscores");
    }
    return { provider: "shm", name };
  }
  const match = /^verbs:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text);
  if (!match) throw bad("expected shm:NAME or verbs://HOST:PORT");
  const port = Number(match[2]);
  if (port > 65535) throw bad(`expected a port up to 65535, got ${port}`);
  return { provider: "verbs", host: match[1]!.replace(/^\[|\]$/g, ""), port };
}
