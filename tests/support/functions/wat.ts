/** WebAssembly modules from their text form, by wabt. */

// deno-lint-ignore no-import-prefix -- the only file that imports it
import wabt from "npm:wabt@1.0.39";

let opened: ReturnType<typeof wabt> | undefined;

/** The binary of `(module <fields>)`, without validation, so that a test can make an invalid one. */
export async function wat(fields: string): Promise<Uint8Array<ArrayBuffer>> {
  const { parseWat } = await (opened ??= wabt());
  const parsed = parseWat("test.wat", `(module ${fields})`, {
    bulk_memory: true,
    memory64: true,
    reference_types: true,
    threads: true,
    ...{ multi_memory: true }, // missing in its type declarations
  });
  try {
    return new Uint8Array(parsed.toBinary({}).buffer);
  } finally {
    parsed.destroy();
  }
}

/** A function that a package may export: `$in`, `$len`, `$out` are its parameters. */
export function callable(name: string, body: string): string {
  return `(func (export "${name}") (param $in i32) (param $len i32) (param $out i32) (result i32) ${body})`;
}

/** Copies the argument to the result. */
export const ECHO = callable(
  "echo",
  "(memory.copy (local.get $out) (local.get $in) (local.get $len)) (local.get $len)",
);
/** A memory of one page under the name that packages must use. */
export const MEMORY = '(memory (export "memory") 1)';
