/** What the suite is told of a provider. */

export interface ConformanceOptions {
  /** Where another process finds the provider: a module and the name of the function that opens it. */
  readonly peer: { readonly module: URL; readonly open: string };
  /** Do arenas take memory only where they are touched? A provider that pins them has no room for 5 GiB. */
  readonly sparse: boolean;
}
