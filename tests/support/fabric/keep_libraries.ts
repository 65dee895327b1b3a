/** Shared libraries that stay open from test to test. */

/**
 * Opens each library once and never closes it. Opening a library compiles each of its symbols, which takes 4 ms per
 * symbol in an emulated machine; a verbs provider uses about a hundred.
 */
export function keepLibraries(): void {
  const { dlopen } = Deno;
  const kept = new Map<string, Deno.DynamicLibrary<Deno.ForeignLibraryInterface>>();
  const keep = (path: string, symbols: Deno.ForeignLibraryInterface) => {
    // The path of a library that was written to memory contains the number of a descriptor, which changes.
    const name = path.startsWith("/proc/self/fd/") ? "memory" : path;
    const key = [name, ...Object.keys(symbols)].join();
    const library = kept.get(key) ?? dlopen(path, symbols);
    kept.set(key, library);
    return { symbols: library.symbols, close: () => {} };
  };
  Object.assign(Deno, { dlopen: keep });
}
