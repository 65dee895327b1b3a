/** How the memory of a lease is divided between nodes. */

/**
 * The memory of some of a lease's workers: their share, rounded up to whole bytes. Both ends of a claim compute it in
 * the same way.
 *
 * @param of the number of workers that have all of `memoryBytes`.
 */
export function memoryShare(memoryBytes: number, workers: number, of: number): number {
  return workers >= of ? memoryBytes : Math.ceil(memoryBytes / of * workers);
}
