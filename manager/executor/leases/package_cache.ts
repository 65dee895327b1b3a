/**
 * Function packages on disk, each a file whose name is its SHA-256. The least recently used is removed first.
 *
 * A file is written under another name and then renamed, so that a reader finds a whole one or none. What is read is
 * checked against its name: whatever happened to the file, the cache returns the requested package or none.
 */

import { statfs } from "node:fs/promises";
import { ControlError } from "../../../runtime/control/control_channel.ts";
import { MAX_PACKAGE_BYTES } from "../../../runtime/protocol/node_protocol.ts";
import { sha256Hex } from "../../../runtime/package/sha256.ts";
import { getLogger } from "../../log.ts";

/** The default size of a cache: some thousand packages of usual size. */
export const DEFAULT_CACHE_BYTES = 2 ** 30;

/** What is left free on the disk: so much, or a tenth of a small disk. Bills and the executor's code need it. */
const MIN_FREE_BYTES = 256 * 2 ** 20;

type Package = Uint8Array<ArrayBuffer>;

export class PackageCache {
  readonly #log = getLogger(["rfaas", "executor-manager", "leases"]);
  readonly #folder: string;
  readonly #maxBytes: number;
  /** Bytes of each, the least recently used first: a Map keeps the order of insertion. */
  readonly #bytes = new Map<string, number>();
  /** Packages that are being read or fetched. */
  readonly #loading = new Map<string, Promise<Package>>();
  #total = 0;

  private constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Opens `folder` with the packages of earlier starts. */
  static async open(folder: string, maxBytes: number): Promise<PackageCache> {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    const cache = new PackageCache(folder, maxBytes);
    const found: { name: string; bytes: number; usedMs: number }[] = [];
    for await (const { name, isFile } of Deno.readDir(folder)) {
      const { size, mtime } = await Deno.lstat(`${folder}/${name}`);
      const isPackage = isFile && /^[0-9a-f]{64}$/.test(name) && size <= MAX_PACKAGE_BYTES;
      if (isPackage) found.push({ name, bytes: size, usedMs: mtime?.getTime() ?? 0 });
      else await Deno.remove(`${folder}/${name}`, { recursive: true }); // half of one, left by a killed manager
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
   * Returns the package of this digest. A request during another one's fetch waits for that.
   *
   * @param fetch reads it from the client, if it is not in the cache.
   * @throws {ControlError} code `bad-package` if `fetch` returns another package; what `fetch` throws.
   */
  async get(sha256: string, fetch: () => Promise<Package>): Promise<Package> {
    for (;;) {
      const loading = this.#loading.get(sha256);
      if (!loading) return await this.#begin(sha256, fetch);
      try {
        return await loading;
      } catch {
        // The other client has gone, or lent another package: this client may still lend the right one.
      }
    }
  }

  async #begin(sha256: string, fetch: () => Promise<Package>): Promise<Package> {
    const loading = this.#read(sha256).then((found) => found ?? this.#fetch(sha256, fetch));
    this.#loading.set(sha256, loading);
    try {
      return await loading;
    } finally {
      this.#loading.delete(sha256);
    }
  }

  async #read(sha256: string): Promise<Package | undefined> {
    const bytes = this.#bytes.get(sha256);
    if (bytes === undefined) return undefined;
    const path = `${this.#folder}/${sha256}`;
    try {
      const { size } = Deno.lstatSync(path); // at once: a lease waits
      const source = size === bytes ? await Deno.readFile(path) : undefined;
      if (source && await sha256Hex(source) === sha256) {
        this.#add(sha256, bytes);
        touch(path); // only for the order after a restart
        return source;
      }
      this.#log.warn("package {sha256} is damaged on disk and is fetched again", { sha256 });
    } catch (error) {
      this.#log.warn("package {sha256} cannot be read and is fetched again: {error}", {
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
        "Cannot admit: the package does not match its SHA-256",
        "bad-package",
      );
    }
    if (source.length > this.#maxBytes || !await this.#makeSpace(source.length)) return source;
    const partial = `${this.#folder}/.${crypto.randomUUID()}`;
    try {
      await Deno.writeFile(partial, source, { createNew: true, mode: 0o600 });
      await Deno.rename(partial, `${this.#folder}/${sha256}`);
      this.#add(sha256, source.length);
      await this.#shrink();
    } catch (error) {
      await Deno.remove(partial).catch(() => {});
      this.#log.warn("package {sha256} cannot be kept: {error}", {
        sha256,
        error: (error as Error).message,
      });
    }
    return source;
  }

  /** Records it as the most recently used. */
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

  /** Drops the least recently used until the disk has space for `bytes` more. @returns whether it has. */
  async #makeSpace(bytes: number): Promise<boolean> {
    try {
      for (const oldest of [...this.#bytes.keys(), ""]) {
        const { bavail, blocks, bsize } = await statfs(this.#folder);
        const minBytes = Math.min(MIN_FREE_BYTES, blocks * bsize / 10);
        if (bavail * bsize - bytes >= minBytes) return true;
        if (oldest) await this.#drop(oldest);
      }
      return false;
    } catch {
      return true; // without the right to see the free space; writing reports a full disk
    }
  }

  async #shrink(): Promise<void> {
    for (const oldest of [...this.#bytes.keys()]) {
      if (this.#total <= this.#maxBytes) return;
      await this.#drop(oldest);
    }
  }
}

function touch(path: string): void {
  const now = new Date();
  try {
    Deno.utimeSync(path, now, now);
  } catch {
    // without the right to
  }
}
