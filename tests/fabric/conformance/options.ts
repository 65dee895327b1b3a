/** The provider-specific options of the suite. */

/** Options of {@linkcode conformance}. */
export interface ConformanceOptions {
  /** How another process opens the provider: a module, and the name of its function. */
  readonly peer: { readonly module: URL; readonly open: string };
  /** Whether arenas occupy memory only where they are touched. A provider that pins them cannot have one of 5 GiB. */
  readonly sparse: boolean;
}
