/**
 * Makes what a package can read of places on its node the same on each. It is no defense: threads that a function starts
 * see the places of the node, unless a sandbox hides them.
 */

import { MODULE_URL, PROGRAM } from "../../package/module_url.ts";

/** What the global `process` has of places. Deno makes the object when it is read first, which takes 10 ms. */
interface ProcessPlaces {
  readonly argv: string[];
  execPath: string;
}

/** Replaces them. The working folder is that of the process, which the main thread sets. */
export function hidePlaces(): void {
  Deno.execPath = () => PROGRAM;
  define("location", { value: new URL(MODULE_URL), writable: true });
  const { get } = Object.getOwnPropertyDescriptor(globalThis, "process")!;
  define("process", {
    get() {
      const process = get!.call(globalThis) as ProcessPlaces;
      process.argv.splice(0, 2, PROGRAM, new URL(MODULE_URL).pathname);
      process.execPath = PROGRAM;
      define("process", { value: process, writable: true });
      return process;
    },
    set: (value: unknown) => define("process", { value, writable: true }),
  });
}

function define(name: string, descriptor: PropertyDescriptor): void {
  Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, ...descriptor });
}
