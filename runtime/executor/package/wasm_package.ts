/**
 * A WebAssembly module as a function package: a memory exported as `memory`, and functions
 * `(inPtr: i32, inLen: i32, outPtr: i32) -> i32` that return how many bytes they wrote at `outPtr`.
 *
 * A WebAssembly memory cannot be laid over existing memory, and a module compiled for one memory cannot load from a second
 * one. The argument is therefore copied in and the result out, once each, through two areas of `maxBytes` that a worker
 * allocates once. All calls are synchronous, so one pair of areas serves all slots.
 */

import type { PackageFunction } from "./package_function.ts";
import type { LoadedPackage } from "./load_package.ts";
import { checkEntries } from "./package_entries.ts";
import { WASI_MODULE, wasiFunctions } from "./wasi.ts";
import { boundMemory, WASM_PAGE_BYTES } from "./wasm_memory.ts";
import { checkTables } from "./wasm_tables.ts";

type Exported = (...values: number[]) => number;

/** The limits that the lease sets for a worker. */
export interface WasmLimits {
  /** The largest argument or result. */
  readonly maxBytes: number;
  /** The size to which the memory of the instance may grow. */
  readonly memoryBytes: number;
  /** Whether WASI may be imported. */
  readonly wasi: boolean;
}

/** The alignment of argument and result, in bytes: enough for every vector instruction. */
const ALIGNMENT = 64;

/**
 * Compiles and instantiates a module; its start function and `_initialize` run here.
 *
 * @throws {TypeError} when it is not a module that can be served: its memory, its imports or its exports do not fit.
 * @throws {RangeError} when its memory, its tables or its list of functions are too large.
 * @throws {WebAssembly.CompileError} when the engine does not accept it.
 * @throws {WebAssembly.RuntimeError} when its start function or `_initialize` traps.
 */
export function loadWasm(source: Uint8Array<ArrayBuffer>, limits: WasmLimits): LoadedPackage {
  const bounded = boundMemory(source, limits.memoryBytes);
  checkTables(source, limits.memoryBytes);
  const module = new WebAssembly.Module(bounded);
  let instance: WebAssembly.Instance | undefined = undefined;
  const exportedMemory = () => {
    if (instance) return instance.exports.memory as WebAssembly.Memory;
    throw new TypeError("Cannot call WASI: the module's start function has not returned");
  };
  instance = new WebAssembly.Instance(
    module,
    grantedImports(module, limits.wasi, exportedMemory),
  );
  const { exports } = instance;
  const { memory, malloc, _initialize } = exports;
  if (!(memory instanceof WebAssembly.Memory)) {
    throw new TypeError('Cannot serve package: it does not export its memory as "memory"');
  }
  const { names, callable } = exportedCalls(exports);
  if (typeof _initialize === "function" && signatureCheck(0, 0)(_initialize)) _initialize();
  const allocate = typeof malloc === "function" && signatureCheck(1, 1)(malloc)
    ? malloc as Exported
    : undefined;
  const areas = new WasmAreas(memory, limits, allocate);
  return { entries: names, functions: callable.map((exported) => throughAreas(areas, exported)) };
}

/** Returns the exports that are functions of the package, in the order of their names. */
function exportedCalls(exports: WebAssembly.Exports): { names: string[]; callable: Exported[] } {
  const names: string[] = [];
  const callable: Exported[] = [];
  const isCall = signatureCheck(3, 1);
  for (const name of Object.keys(exports).sort()) {
    const exported = exports[name];
    if (typeof exported !== "function" || !isCall(exported)) continue;
    names.push(name);
    callable.push(exported as Exported);
  }
  if (names.length === 0) {
    throw new TypeError(
      "Cannot serve package: it exports no function (inPtr: i32, inLen: i32, outPtr: i32) -> i32",
    );
  }
  checkEntries(names);
  return { names, callable };
}

/**
 * Returns what the module imports.
 *
 * @throws {TypeError} that names the imports that are not granted.
 */
function grantedImports(
  module: WebAssembly.Module,
  wasi: boolean,
  memory: () => WebAssembly.Memory,
): WebAssembly.Imports {
  const imports = WebAssembly.Module.imports(module);
  if (imports.length === 0) return {};
  const isGranted = ({ module, kind }: WebAssembly.ModuleImportDescriptor) =>
    wasi && module === WASI_MODULE && kind === "function";
  const refused = imports.filter((each) => !isGranted(each));
  if (refused.length > 0) {
    const named = refused.slice(0, 5).map(({ module, name, kind }) =>
      `${module}.${name} (${kind})`
    );
    const more = refused.length > named.length ? ` and ${refused.length - named.length} more` : "";
    const hint = wasi ? "" : "; the lease option `wasi` grants some of WASI";
    throw new TypeError(
      `Cannot serve package: its imports ${named.join(", ")}${more} are not granted${hint}`,
    );
  }
  return { [WASI_MODULE]: wasiFunctions(imports.map(({ name }) => name), memory) };
}

/** Wraps an exported function: copies the argument in, calls it, and copies the result out. */
function throughAreas(areas: WasmAreas, exported: Exported): PackageFunction {
  const { inputAt, outputAt } = areas;
  return (input, output) => {
    areas.put(input);
    const length = exported(inputAt, input.length, outputAt);
    // The server checks all results, and refuses any other length.
    if (length > 0 && length <= output.length) areas.get(length, output);
    return length;
  };
}

/** The areas for argument and result in the instance's memory, and the views on them. */
class WasmAreas {
  readonly inputAt: number;
  readonly outputAt: number;
  readonly #memory: WebAssembly.Memory;
  /** The whole memory. When the memory grows, its buffer is detached, and the length of a detached view is 0. */
  #bytes: Uint8Array = new Uint8Array();
  /** The view of the last result; replaced when the length changes. */
  #result: Uint8Array = new Uint8Array();

  /**
   * @param allocate the module's own `malloc`. Without it the areas are pages appended to the initial memory, which the
   * module must not allocate itself.
   * @throws {RangeError} when the memory cannot hold the areas.
   */
  constructor(
    memory: WebAssembly.Memory,
    { maxBytes, memoryBytes }: WasmLimits,
    allocate?: Exported,
  ) {
    this.#memory = memory;
    const stride = roundUp(maxBytes, ALIGNMENT);
    const at = allocate ? allocate(2 * stride + ALIGNMENT) >>> 0 : grow(memory, 2 * stride);
    this.inputAt = roundUp(at, ALIGNMENT);
    this.outputAt = this.inputAt + stride;
    if (at === 0 || this.outputAt + stride > memory.buffer.byteLength) {
      throw new RangeError(
        `Cannot serve package: two areas of ${maxBytes} bytes (maxBytes) do not fit into its memory of at most ${memoryBytes} bytes: set \`memory\` higher or \`maxBytes\` lower`,
      );
    }
  }

  /** Copies the argument in. */
  put(input: Uint8Array): void {
    if (this.#bytes.length === 0) this.#renewViews();
    this.#bytes.set(input, this.inputAt);
  }

  /** Copies a result of `length` bytes out. */
  get(length: number, output: Uint8Array): void {
    if (this.#bytes.length === 0) this.#renewViews(); // the function has grown its memory
    if (this.#result.length !== length) {
      this.#result = this.#bytes.subarray(this.outputAt, this.outputAt + length);
    }
    output.set(this.#result);
  }

  #renewViews(): void {
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#result = new Uint8Array();
  }
}

/** Appends whole pages. Returns the address of the first, or 0 if the memory cannot grow that far. */
function grow(memory: WebAssembly.Memory, bytes: number): number {
  try {
    const at = memory.buffer.byteLength;
    memory.grow(Math.ceil(bytes / WASM_PAGE_BYTES));
    return at;
  } catch {
    return 0;
  }
}

/**
 * Returns a check of whether an exported function has this number of i32 parameters and results. The check links the
 * function with a module that imports that type, since linking compares types exactly; JavaScript cannot read the type of
 * a WebAssembly function otherwise.
 */
function signatureCheck(parameters: number, results: number): (exported: unknown) => boolean {
  const i32 = (count: number) => [count, ...new Array<number>(count).fill(0x7f)];
  const type = [1, 0x60, ...i32(parameters), ...i32(results)];
  const probe = new WebAssembly.Module(Uint8Array.of(
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[1, type.length, ...type], // type section
    ...[2, 7, 1, 1, 0x61, 1, 0x66, 0, 0], // import section: a.f, a function of type 0
  ));
  return (exported) => {
    try {
      new WebAssembly.Instance(probe, { a: { f: exported as WebAssembly.ExportValue } });
      return true;
    } catch {
      return false;
    }
  };
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
