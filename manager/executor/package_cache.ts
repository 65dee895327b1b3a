/**
 * Function packages on disk, each a file that bears its SHA-256, least recently used out first.
 *
 * A file is written beside its place and then renamed, so that a reader finds a whole one or none, and what is read is
 * checked against its name: whatever happened to it meanwhile, nothing but the package asked for is handed out.
 */

import { ControlError } from "../../runtime/control/control_channel.ts";
import { MAX_PACKAGE_BYTES } from "../../runtime/protocol/node_protocol.ts";
import { sha256Hex } from "../../runtime/package/sha256.ts";
import { getLogger } from "../log.ts";

/** The size of a cache that nobody names: some thousand packages of usual size. */
export const DEFAULT_CACHE_BYTES = 2 ** 30;

type Package = Uint8Array<ArrayBuffer>;

export class PackageCache {
  readonly #log = getLogger(["rfaas", "executor-manager"]);
  readonly #folder: string;
  readonly #maxBytes: number;
  /** Bytes of each, the least recently used first: a Map keeps the order of insertion. */
  readonly #bytes = new Map<string, number>();
  /** What is being read or fetched. */
  readonly #coming = new Map<string, Promise<Package>>();
  #total = 0;

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Takes over what an earlier start has left in `folder`. */
  static async open(folder: string, maxBytes: number): Promise<PackageCache> {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const cache = new PackageCache(folder, maxBytes);
    const found: { name: string; bytes: number; usedMs: number }[] = [];
    for await (const { name, isFile } of Deno.readDir(folder)) {
      const { size, mtime } = await Deno.lstat(`${folder}/${name}`);
      const isPackage = isFile && /^[0-9a-f]{64}$/.test(name) && size <= MAX_PACKAGE_BYTES;
      if (isPackage) found.push({ name, bytes: size, usedMs: mtime?.getTime() ?? 0 });
      else await Deno.remove(`${folder}/${name}`, { recursive: true }); // half of one, left by a kill
    }
    for (const { name, bytes } of found.sort((a, b) => a.usedMs - b.usedMs)) {
      cache.#add(name, bytes);
    }
    await cache.#shrink();
    return cache;
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.#total;
  }

  /**
   * The package of this digest. Who asks while it is fetched for another waits for that.
   *
   * @param fetch gets it from who asks, where it is not here.
   * @throws {ControlError} code `bad-package` if what came is another package; what `fetch` throws.
   */
  async get(sha256: string, fetch: () => Promise<Package>): Promise<Package> {
    for (;;) {
      const coming = this.#coming.get(sha256);
      if (!coming) return await this.#begin(sha256, fetch);
      try {
        return await coming;
      } catch {
        // The other one's client has gone, or lent something else: that says nothing of this one's.
      }
    }
  }

  async #begin(sha256: string, fetch: () => Promise<Package>): Promise<Package> {
    const coming = this.#read(sha256).then((found) => found ?? this.#fetch(sha256, fetch));
    this.#coming.set(sha256, coming);
    try {
      return await coming;
    } finally {
      this.#coming.delete(sha256);
    }
  }

  async #read(sha256: string): Promise<Package | undefined> {
    const bytes = this.#bytes.get(sha256);
    if (bytes === undefined) return undefined;
    const path = `${this.#folder}/${sha256}`;
    try {
      const { size } = await Deno.lstat(path);
      const source = size === bytes ? await Deno.readFile(path) : undefined;
      if (source && await sha256Hex(source) === sha256) {
        this.#add(sha256, bytes);
        const now = new Date();
        await Deno.utime(path, now, now).catch(() => {}); // its place after a restart, no more
        return source;
      }
      this.#log.warn("package {sha256} was damaged on disk and is fetched again", { sha256 });
    } catch (error) {
      this.#log.warn("package {sha256} can't be read and is fetched again: {error}", {
        sha256,
        error: (error as Error).message,
      });
    }
    await this.#drop(sha256);
    return undefined;
  }

  async #fetch(sha256: string, fetch: () => Promise<Package>): Promise<Package> {
    const source = await fetch();
    if (await sha256Hex(source) !== sha256) {
      throw new ControlError(
        "Cannot admit: the package is not what its SHA-256 says",
        "bad-package",
      );
    }
    if (source.length > this.#maxBytes) return source;
    const partial = `${this.#folder}/.${crypto.randomUUID()}`;
    try {
      await Deno.writeFile(partial, source, { createNew: true, mode: 0o600 });
      await Deno.rename(partial, `${this.#folder}/${sha256}`);
      this.#add(sha256, source.length);
      await this.#shrink();
    } catch (error) {
      await Deno.remove(partial).catch(() => {});
      this.#log.warn("package {sha256} can't be kept: {error}", {
        sha256,
        error: (error as Error).message,
      });
    }
    return source;
  }

  /** Notes it as the one used last. */
  #add(sha256: string, bytes: number): void {
    this.#forget(sha256);
    this.#bytes.set(sha256, bytes);
    this.#total += bytes;
  }

  #forget(sha256: string): void {
    this.#total -= this.#bytes.get(sha256) ?? 0;
    this.#bytes.delete(sha256);
  }

  async #drop(sha256: string): Promise<void> {
    this.#forget(sha256);
    await Deno.remove(`${this.#folder}/${sha256}`, { recursive: true }).catch(() => {});
  }

  async #shrink(): Promise<void> {
    for (const oldest of [...this.#bytes.keys()]) {
      if (this.#total <= this.#maxBytes) return;
      await this.#drop(oldest);
    }
  }
}
