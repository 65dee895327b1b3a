/** Addresses of the fabric: `shm:NAME`, `verbs://HOST:PORT`. */

import { FabricError } from "./errors.ts";

/** A fabric address, taken apart. */
export type Address =
  | { readonly provider: "shm"; readonly name: string }
  | { readonly provider: "verbs"; readonly host: string; readonly port: number };

/** Names of shm rendezvous: short enough for a socket's name, and free of anything that needs quoting. */
const SHM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$/;

/**
 * Takes an address apart.
 *
 * @example
 * ```ts
 * import { parseAddress } from "./address.ts";
 * parseAddress("verbs://10.0.0.1:7471"); // { provider: "verbs", host: "10.0.0.1", port: 7471 }
 * ```
 *
 * @throws {FabricError} code `address`, with the text.
 */
export function parseAddress(text: string): Address {
  const bad = (why: string) =>
    new FabricError(
      `Cannot read fabric address ${JSON.stringify(text.slice(0, 200))}: ${why}`,
      "address",
    );
  if (text.startsWith("shm:")) {
    const name = text.slice(4);
    if (!SHM_NAME.test(name)) {
      throw bad("the name takes 1 to 80 letters, digits, dots, dashes and underscores");
    }
    return { provider: "shm", name };
  }
  const match = /^verbs:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text);
  if (!match) throw bad("expected shm:NAME or verbs://HOST:PORT");
  const port = Number(match[2]);
  if (port > 65535) throw bad(`port ${port} is above 65535`);
  return { provider: "verbs", host: match[1]!.replace(/^\[|\]$/g, ""), port };
}
