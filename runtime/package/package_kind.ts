/** The kind of a function package, by its first bytes alone. */

/** `module`: one bundled JavaScript file; `wasm`: a WebAssembly module; `native`: a shared library (ELF). */
export type PackageKind = "module" | "wasm" | "native";

const MAGIC: readonly (readonly [PackageKind, readonly number[]])[] = [
  ["wasm", [0x00, 0x61, 0x73, 0x6d]], // \0asm
  ["native", [0x7f, 0x45, 0x4c, 0x46]], // \x7fELF
];

/** Returns the kind of a package. No JavaScript file can begin with either magic number. */
export function packageKind(bytes: Uint8Array): PackageKind {
  for (const [kind, magic] of MAGIC) {
    if (magic.every((byte, i) => bytes[i] === byte)) return kind;
  }
  return "module";
}
