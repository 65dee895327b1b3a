/** The package of functions.ts, bundled once per test file. */

import { bundleModule } from "../../../runtime/package/bundle.ts";

let bundled: Promise<Uint8Array<ArrayBuffer>> | undefined;

/** The bundled bytes of functions.ts. */
export function functionsPackage(): Promise<Uint8Array<ArrayBuffer>> {
  return bundled ??= bundleModule(new URL("./functions.ts", import.meta.url), { sourceMap: true });
}

/** A package from JavaScript text. */
export function packageOf(source: string): Uint8Array {
  return new TextEncoder().encode(source);
}
