/** The packages that a node keeps on disk: real files, damaged, truncated, evicted, and requested at once. */

import { assertEquals, assertRejects } from "@std/assert";
import { PackageCache } from "../../../../manager/executor/leases/package_cache.ts";
import { ControlError } from "../../../../runtime/control/control_channel.ts";
import { sha256Hex } from "../../../../runtime/package/sha256.ts";

/** A package of this size, and a function that fetches it and counts its calls. */
async function packageOf(bytes: number, seed: number) {
  const source = new Uint8Array(bytes).fill(seed);
  const counted = { source, sha256: await sha256Hex(source), fetched: 0 };
  const fetch = async () => {
    counted.fetched++;
    await Promise.resolve();
    return source.slice();
  };
  return { counted, sha256: counted.sha256, fetch, source };
}

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "rfaas-test-packages-" });
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const files = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("`get()` fetches a package once, also for requests at the same time and after a restart", () =>
  withFolder(async (folder) => {
    const one = await packageOf(1000, 1);
    const cache = await PackageCache.open(folder, 10_000);
    const all = await Promise.all(
      Array.from({ length: 20 }, () => cache.get(one.sha256, one.fetch)),
    );
    for (const source of all) assertEquals(source, one.source);
    assertEquals(one.counted.fetched, 1);
    const again = await PackageCache.open(folder, 10_000);
    assertEquals(await again.get(one.sha256, one.fetch), one.source);
    assertEquals([one.counted.fetched, again.bytes], [1, 1000]);
    assertEquals(files(folder), [one.sha256]);
    assertEquals(Deno.statSync(`${folder}/${one.sha256}`).mode! & 0o777, 0o600);
  }));

Deno.test("`get()` returns no damaged file: it is dropped and fetched again", () =>
  withFolder(async (folder) => {
    const one = await packageOf(1000, 1);
    const path = `${folder}/${one.sha256}`;
    const damages: (() => void)[] = [
      () => Deno.writeFileSync(path, new Uint8Array(1000)), // another content
      () => Deno.truncateSync(path, 10),
      () => Deno.truncateSync(path, 0),
      () => Deno.writeFileSync(path, new Uint8Array(2000)),
      () => Deno.removeSync(path),
      () => {
        Deno.removeSync(path);
        Deno.mkdirSync(path);
      },
      () => {
        Deno.removeSync(path);
        Deno.symlinkSync("/dev/zero", path);
      },
    ];
    const cache = await PackageCache.open(folder, 10_000);
    await cache.get(one.sha256, one.fetch);
    for (const [i, damage] of damages.entries()) {
      damage();
      assertEquals(await cache.get(one.sha256, one.fetch), one.source);
      assertEquals(one.counted.fetched, i + 2, `${damage}`);
      assertEquals(await cache.get(one.sha256, one.fetch), one.source);
      assertEquals([one.counted.fetched, cache.bytes], [i + 2, 1000]);
    }
  }));

Deno.test("a cache drops the least recently used package first, also after a restart, and keeps none that is too large", () =>
  withFolder(async (folder) => {
    const [a, b, c] = await Promise.all([1, 2, 3].map((seed) => packageOf(400, seed)));
    const cache = await PackageCache.open(folder, 1000);
    for (const one of [a!, b!]) await cache.get(one.sha256, one.fetch);
    // After a restart the time of the last use counts, to the disk's precision.
    Deno.utimeSync(`${folder}/${b!.sha256}`, 1, 1);
    const again = await PackageCache.open(folder, 1000);
    await again.get(c!.sha256, c!.fetch);
    assertEquals(files(folder), [a!.sha256, c!.sha256].sort());
    await again.get(a!.sha256, a!.fetch);
    await again.get(b!.sha256, b!.fetch);
    assertEquals(files(folder), [a!.sha256, b!.sha256].sort());
    assertEquals([a!.counted.fetched, b!.counted.fetched, c!.counted.fetched], [1, 2, 1]);
    const large = await packageOf(1001, 4);
    assertEquals(await again.get(large.sha256, large.fetch), large.source);
    assertEquals([again.bytes, files(folder).length], [800, 2]);
    Deno.utimeSync(`${folder}/${a!.sha256}`, 1, 1);
    const smaller = await PackageCache.open(folder, 500);
    assertEquals([smaller.bytes, files(folder)], [400, [b!.sha256]]);
  }));

Deno.test("a fetch that fails, or returns another package, fails its own request alone and leaves nothing", () =>
  withFolder(async (folder) => {
    const one = await packageOf(1000, 1);
    const cache = await PackageCache.open(folder, 10_000);
    const gone = () => Promise.reject(new Error("the client has gone"));
    const forged = () => Promise.resolve(new Uint8Array(1000));
    const first = assertRejects(() => cache.get(one.sha256, gone), Error, "the client has gone");
    const second = assertRejects(() => cache.get(one.sha256, forged), ControlError, "SHA-256");
    const third = cache.get(one.sha256, one.fetch);
    await Promise.all([first, second]);
    assertEquals(await third, one.source);
    assertEquals(one.counted.fetched, 1);
    assertEquals(files(folder), [one.sha256]);
  }));

Deno.test("`open()` removes files that are not packages, such as half of one left by a killed manager", () =>
  withFolder(async (folder) => {
    const one = await packageOf(10, 1);
    Deno.writeFileSync(`${folder}/.half`, one.source);
    Deno.writeFileSync(`${folder}/${one.sha256}.js`, one.source);
    Deno.mkdirSync(`${folder}/${one.sha256}`);
    const cache = await PackageCache.open(folder, 10_000);
    assertEquals([files(folder), cache.bytes], [[], 0]);
    await cache.get(one.sha256, one.fetch);
    assertEquals(one.counted.fetched, 1);
  }));

Deno.test("a package that can't be kept is still served", () =>
  withFolder(async (folder) => {
    const one = await packageOf(10, 1);
    const cache = await PackageCache.open(`${folder}/packages`, 10_000);
    Deno.removeSync(`${folder}/packages`, { recursive: true });
    assertEquals(await cache.get(one.sha256, one.fetch), one.source);
    assertEquals([one.counted.fetched, cache.bytes], [1, 0]);
  }));
