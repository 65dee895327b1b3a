/** Function packages by their SHA-256, least recently used out first. */

/** Bytes kept at most. */
const MAX_CACHED_BYTES = 256 * 2 ** 20;

export class PackageCache {
  readonly #packages = new Map<string, Uint8Array<ArrayBuffer>>();
  #bytes = 0;

  get(sha256: string): Uint8Array<ArrayBuffer> | undefined {
    const source = this.#packages.get(sha256);
    if (source) {
      this.#packages.delete(sha256);
      this.#packages.set(sha256, source); // a Map keeps the order of insertion: this one is the youngest now
    }
    return source;
  }

  put(sha256: string, source: Uint8Array<ArrayBuffer>): void {
    if (this.#packages.has(sha256)) return;
    this.#packages.set(sha256, source);
    this.#bytes += source.length;
    for (const [oldest, { length }] of this.#packages) {
      if (this.#bytes <= MAX_CACHED_BYTES) break;
      this.#packages.delete(oldest);
      this.#bytes -= length;
    }
  }
}
