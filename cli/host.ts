/** What this host is and has. */

/** Logical processors. */
export function hostCores(): number {
  return navigator.hardwareConcurrency;
}

/** Memory in bytes. */
export function hostMemoryBytes(): number {
  return Deno.systemMemoryInfo().total;
}

/** The host's name as far as a node may be called so: letters, digits, `.`, `_`, `-`. */
export function hostNodeName(): string {
  return Deno.hostname().replaceAll(/[^A-Za-z0-9._-]/g, "-").replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 128) || "node";
}
