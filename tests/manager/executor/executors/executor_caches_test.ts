/** The folders in which executors find compiled code. */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { ExecutorCaches } from "../../../../manager/executor/executors/executor_caches.ts";
import { until } from "../../../support/waiting.ts";

/** The names of what lies in a folder. */
const names = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

async function open() {
  const root = await Deno.makeTempDir();
  const compiled = `${root}/compiled`;
  await Deno.mkdir(compiled);
  await Deno.writeTextFile(`${compiled}/code`, "compiled");
  const folder = `${root}/caches`;
  const caches = await ExecutorCaches.open(folder, compiled);
  return {
    caches,
    folder,
    compiled,
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

Deno.test("`ExecutorCaches.prepare()` copies the next folder in advance, and `issue()` gives each folder once", async () => {
  await using held = await open();
  const { caches, folder } = held;
  caches.prepare();
  assertEquals(names(folder), [], "nothing is prepared before code is known to be compiled");
  const first = await caches.issue();
  caches.prepare();
  caches.prepare();
  const ready = () => names(folder).filter((name) => !first.folder.endsWith(name));
  await until(
    () => ready().length === 1 && names(`${folder}/${ready()[0]}`).length === 1,
    () => `one more folder is there, with code: ${ready()}`,
  );
  const second = await caches.issue();
  assertEquals(second.folder, `${folder}/${ready()[0]}`);
  assertNotEquals((await caches.issue()).folder, second.folder);
});

Deno.test("`ExecutorCaches` removes a folder that was prepared and not issued", async () => {
  await using held = await open();
  const { caches, folder } = held;
  const cache = await caches.issue();
  caches.prepare();
  cache.remove();
  await caches[Symbol.asyncDispose]();
  assertEquals(names(folder), []);
});

Deno.test("`ExecutorCaches` leaves nothing of a folder that it could not copy, in advance or not", async () => {
  await using held = await open();
  const { caches, folder, compiled } = held;
  const first = await caches.issue();
  first.remove();
  await Deno.mkdir(`${compiled}/cannot-be-copied`);
  await assertRejects(() => caches.issue());
  caches.prepare();
  await caches[Symbol.asyncDispose]();
  assertEquals(names(folder), []);
});

Deno.test("a sealed cache has a file in the place of its folder, and no other executor its code", async () => {
  await using held = await open();
  const { caches, folder } = held;
  const cache = await caches.issue();
  assertEquals(await Deno.readTextFile(`${cache.folder}/code`), "compiled");
  await cache.seal();
  assertEquals((await Deno.stat(cache.folder)).isFile, true);
  assertEquals(names(folder).length, 1);
  cache.remove();
  await caches[Symbol.asyncDispose]();
  assertEquals(names(folder), []);
});
