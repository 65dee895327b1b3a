/** Functions that try to leave something for another tenant, or on the disk of the node. */

import { statfs } from "node:fs/promises";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import type { Lease } from "../../../mod.ts";

/** The bodies below run with these names; a body that throws has found no store. */
const STORES = `
  const STORES = {
    "Cache API": {
      write: async (text) => await (await caches.open("shared")).put("http://a/b", new Response(text)),
      read: async () => await (await (await caches.open("shared")).match("http://a/b")).text(),
    },
    "local storage": {
      write: (text) => localStorage.setItem("shared", text),
      read: () => localStorage.getItem("shared"),
    },
    "session storage": {
      write: (text) => sessionStorage.setItem("shared", text),
      read: () => sessionStorage.getItem("shared"),
    },
    "Deno KV": {
      write: async (text) => await (await Deno.openKv()).set(["shared"], text),
      read: async () => (await (await Deno.openKv()).get(["shared"])).value,
    },
    "a shared in-memory database": {
      write: async (text) => {
        const { DatabaseSync } = await import("node:sqlite");
        const db = globalThis.kept = new DatabaseSync("file:shared?mode=memory&cache=shared");
        db.exec("create table t(a)"); db.prepare("insert into t values(?)").run(text);
      },
      read: async () => {
        const { DatabaseSync } = await import("node:sqlite");
        return new DatabaseSync("file:shared?mode=memory&cache=shared").prepare("select a from t").get().a;
      },
    },
    "a broadcast channel": {
      write: (text) => {
        const channel = globalThis.channel = new BroadcastChannel("shared");
        channel.onmessage = () => channel.postMessage(text);
      },
      read: async () => {
        const channel = new BroadcastChannel("shared");
        const answer = new Promise((resolve) => channel.onmessage = ({ data }) => resolve(data));
        channel.postMessage("anything there?");
        return await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 300))]);
      },
    },
    "a web lock": {
      write: async () => await new Promise((resolve) => {
        navigator.locks.request("shared", () => (resolve(), new Promise(() => {})));
      }),
      read: async () => (await navigator.locks.query()).held.length > 0 ? "held" : undefined,
    },
    "a blob's address": {
      write: (text) => globalThis.url = URL.createObjectURL(new Blob([text])),
      read: async () => await (await fetch("blob:null/00000000-0000-0000-0000-000000000000")).text(),
    },
    "an environment variable": {
      write: (text) => Deno.env.set("SHARED", text),
      read: () => Deno.env.get("SHARED"),
    },
    "the title of the process": {
      write: async (text) => (await import("node:process")).default.title = text,
      read: async () => (await import("node:process")).default.title === "secret" ? "secret" : undefined,
    },
    "the working folder": {
      write: () => Deno.chdir("/tmp"),
      read: () => Deno.cwd() === "/tmp" ? "secret" : undefined,
    },
  };
  const attempt = async (act, ms = 500) => {
    const late = new Promise((resolve) => setTimeout(resolve, ms));
    try { return String(await Promise.race([act(), late]) ?? "nothing"); } catch (error) { return "refused: " + error.message; }
  };`;

const tenant = packageOf(`${STORES}
  const reply = async (output, kind, argument) => {
    const found = {};
    for (const [name, store] of Object.entries(STORES)) found[name] = await attempt(() => store[kind](argument));
    return new TextEncoder().encodeInto(JSON.stringify(found), output).written;
  };
  export const write = (input, output) => reply(output, "write", "secret");
  export const read = (_, output) => reply(output, "read");
  // The same in a worker that the function starts.
  const inner = (kind) => new Promise((resolve, reject) => {
    const source = ${JSON.stringify(STORES)} + \`
      const found = {};
      for (const [name, store] of Object.entries(STORES)) found[name] = await attempt(() => store.\${kind}("secret"));
      postMessage(JSON.stringify(found));\`;
    const worker = new Worker("data:text/javascript," + encodeURIComponent(source), { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => { event.preventDefault(); reject(new Error(event.message)); };
  });
  const innerReply = async (output, kind) => new TextEncoder().encodeInto(await inner(kind), output).written;
  export const innerWrite = (_, output) => innerReply(output, "write");
  export const innerRead = (_, output) => innerReply(output, "read");
  export async function fill(_, output) {
    const block = new Uint8Array(2 ** 20).fill(1);
    const cache = await attempt(async () => {
      const opened = await caches.open("fill");
      for (let i = 0; i < 32; i++) await opened.put("http://a/" + i, new Response(block));
    }, 10_000);
    const sqlite = await attempt(async () => {
      const { DatabaseSync } = await import("node:sqlite");
      const db = globalThis.kept = new DatabaseSync(":memory:");
      db.exec("pragma temp_store = file; pragma cache_size = 1; create temp table t(a); begin");
      const insert = db.prepare("insert into t values(zeroblob(1048576))");
      for (let i = 0; i < 32; i++) insert.run();
    }, 10_000);
    const modules = await attempt(async () => {
      for (let i = 0; i < 50; i++) {
        const kind = i % 2 ? "javascript" : "typescript";
        await import("data:application/" + kind + ",export default " + i + ";//" + "x".repeat(50000));
      }
    }, 10_000);
    return new TextEncoder().encodeInto(JSON.stringify({ cache, sqlite, modules }), output).written;
  }`);

const call = async (lease: Lease, name: string): Promise<Record<string, string>> =>
  JSON.parse(
    new TextDecoder().decode(
      await lease.invoke(name, new Uint8Array(), { deadlineMs: 20_000 }),
    ),
  );

Deno.test("two tenants of a node exchange nothing by any store, at once or one after the other", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const functions = tenant;
  await using reader = await client.lease({ functions, maxBytes: 16384 });
  {
    await using writer = await client.lease({ functions, maxBytes: 16384 });
    const tried = Object.keys(await call(writer, "write"));
    await call(writer, "innerWrite");
    assert(tried.length > 10, tried.join());
    assertNothing(await call(reader, "read"));
    assertNothing(await call(reader, "innerRead"));
  }
  assertNothing(await call(reader, "read"));
  await using later = await client.lease({ functions, maxBytes: 16384 });
  assertNothing(await call(later, "read"));
  assertNothing(await call(later, "innerRead"));
});

function assertNothing(found: Record<string, string>): void {
  const read = Object.entries(found).filter(([, text]) => !/^(nothing|refused: )/.test(text));
  assertEquals(read, []);
}

Deno.test("functions can write to no file, and a lease leaves nothing on the disk", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  await using first = await client.lease({ functions: tenant, maxBytes: 16384 });
  await call(first, "read");
  const diskBefore = diskOf(cluster.nodeFolders());
  for (let i = 0; i < 2; i++) {
    await using hostile = await client.lease({ functions: tenant, maxBytes: 16384 });
    const tried = await call(hostile, "fill");
    assertNotEquals(tried.cache, "nothing", "the cache accepted 32 MiB");
    assertNotEquals(tried.sqlite, "nothing", "a temporary table accepted 32 MiB");
    const grown = diskOf(cluster.nodeFolders()) - diskBefore;
    assert(grown < 3_000_000, `a running lease has taken ${grown} bytes`);
  }
  const left = diskOf(cluster.nodeFolders()) - diskBefore;
  assert(left < 200_000, `two leases have left ${left} bytes`);
});

const isRoot = Deno.uid() === 0;

Deno.test({
  name: `a small disk keeps a tenth free under hostile leases, and its node goes on${
    isRoot ? "" : " (needs root)"
  }`,
  ignore: !isRoot,
  async fn() {
    await (await startCluster())[Symbol.asyncDispose](); // the bundle of this file lies elsewhere
    const disk = await Deno.makeTempDir({ prefix: "rfaas-test-disk-" });
    await run("mount", "-t", "tmpfs", "-o", "size=64m,mode=0700", "tmpfs", disk);
    const temporary = Deno.env.get("TMPDIR");
    Deno.env.set("TMPDIR", disk); // of this process: the folders of the node
    try {
      await using cluster = await startCluster();
      const client = await cluster.connect();
      const freeBytes = async () => {
        const { bavail, bsize } = await statfs(disk);
        return bavail * bsize;
      };
      for (let i = 0; i < 4; i++) { // packages of 20 MiB, each another one
        const functions = new Uint8Array(20 * 2 ** 20).fill(0x20);
        functions.set(tenant);
        functions.set(packageOf(`//${i}`), functions.length - 3);
        await using hostile = await client.lease({ functions, maxBytes: 16384 });
        if (i === 0) await call(hostile, "fill");
        const bytes = await freeBytes();
        assert(bytes >= 6 * 2 ** 20, `${bytes} bytes are free`);
      }
      await using lease = await client.lease({ functions: tenant, maxBytes: 16384 });
      assertNothing(await call(lease, "read"));
    } finally {
      if (temporary === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", temporary);
      await run("umount", "-l", disk);
      await Deno.remove(disk);
    }
  },
});

/** The bytes of all files below these folders. */
function diskOf(folders: readonly string[]): number {
  let bytes = 0;
  for (const folder of folders) {
    for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) bytes += diskOf([path]);
      else if (isFile) bytes += Deno.lstatSync(path).size;
    }
  }
  return bytes;
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert(success, new TextDecoder().decode(stderr));
}
