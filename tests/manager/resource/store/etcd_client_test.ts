/** The client of etcd: TLS, users, and old versions of rows. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Compaction } from "../../../../manager/resource/store/etcd/compaction.ts";
import { EtcdClient } from "../../../../manager/resource/store/etcd/etcd_client.ts";
import { etcdConnection } from "../../../../manager/resource/store/etcd/etcd_connection.ts";
import {
  EtcdRefusedError,
  EtcdUnreachableError,
} from "../../../../manager/resource/store/etcd/etcd_errors.ts";
import { hasOpenssl, makeCertificate } from "../../../support/manager/certificate.ts";
import { EtcdMembers, etcdPath, needsEtcd } from "../../../support/manager/etcd_members.ts";
import { withFolder } from "../../../support/processes/resource_manager_process.ts";
import { until, within } from "../../../support/waiting.ts";

const TIMEOUT_MS = 5000;

Deno.test({
  name: `\`Compaction\` drops old versions of rows and keeps the newest${needsEtcd}`,
  ignore: etcdPath === undefined,
  fn: async () => {
    await using etcd = await EtcdMembers.start();
    using client = new EtcdClient({ members: etcd.addresses });
    const write = (value: string) => client.transact([], [{ key: "/a/b", value }], [], TIMEOUT_MS);
    const { revision } = await write("old");
    await write("new");
    const old = () => client.changes("/a/", 0, TIMEOUT_MS, revision);
    assertEquals((await old()).rows[0]?.value, "old");
    using _compaction = new Compaction(client, 50);
    const isDropped = () =>
      old().then(() => false, (error) => {
        assert(error.message.includes("compacted"), error.message);
        return true;
      });
    await until(isDropped, () => "the old version is dropped");
    assertEquals((await client.read(["/a/b"], TIMEOUT_MS))[0]?.value, "new");
  },
});

const hasTls = etcdPath !== undefined && await hasOpenssl();
Deno.test({
  name: `\`EtcdClient\` uses TLS, a certificate and a user${
    etcdPath === undefined ? needsEtcd : hasTls ? "" : " (needs openssl)"
  }`,
  ignore: !hasTls,
  fn: async () => {
    await withFolder(async (folder) => {
      // etcd's gateway refuses a certificate with a common name.
      const { certFile, keyFile } = await makeCertificate(folder, "etcd", "/O=rfaas test");
      const args = ["--cert-file", certFile, "--key-file", keyFile, "--client-cert-auth"];
      // The authority of the certificate is the certificate itself.
      args.push("--trusted-ca-file", certFile);
      await using etcd = await EtcdMembers.start({ args, tls: { certFile, keyFile } });
      const passwordFile = `${folder}/password`;
      await Deno.writeTextFile(passwordFile, "hunter2\n");
      const access = { caFile: certFile, certFile, keyFile };
      const { addresses } = etcd;
      using root = new EtcdClient(await etcdConnection(addresses, access));
      await etcd.addRoot("hunter2");
      const error = await assertRejects(() => root.read(["/a"], TIMEOUT_MS), EtcdRefusedError);
      assert(error.message.includes("user name is empty"), error.message);
      const user = { ...access, user: "root", passwordFile };
      using client = new EtcdClient(await etcdConnection(addresses, user));
      await client.transact([], [{ key: "/a", value: "1" }], [], TIMEOUT_MS);
      assertEquals((await client.read(["/a"], TIMEOUT_MS))[0]?.value, "1");
      await Deno.writeTextFile(passwordFile, "wrong");
      using wrong = new EtcdClient(await etcdConnection(addresses, user));
      const refused = await assertRejects(() => wrong.read(["/a"], TIMEOUT_MS), EtcdRefusedError);
      assert(refused.message.includes("authentication failed"), refused.message);
      assert(!Deno.inspect(refused).includes("wrong"), "no password is shown");
      using unencrypted = new EtcdClient({ members: addresses });
      await assertRejects(() => unencrypted.read(["/a"], TIMEOUT_MS));
    });
  },
});

Deno.test("`EtcdClient` authenticates again when its token has expired, or users have changed", async () => {
  // As etcd 3.4 and 3.5 respond.
  for (
    const [status, code, message] of [
      [401, 16, "etcdserver: invalid auth token"],
      [400, 3, "etcdserver: revision of auth store is old"],
    ] as const
  ) {
    let tokens = 0;
    await using etcd = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        await request.text();
        if (request.url.endsWith("authenticate")) return Response.json({ token: `${++tokens}` });
        if (request.headers.get("authorization") === "2") return Response.json({ header: {} });
        return Response.json({ error: message, code, message }, { status });
      },
    );
    const members = [`127.0.0.1:${etcd.addr.port}`];
    using client = new EtcdClient({ members, user: { name: "u", password: "p" } });
    const error = await assertRejects(() => client.revision(TIMEOUT_MS), EtcdRefusedError);
    assert(error.isTemporary, `${message}: the request may be sent again`);
    await client.revision(TIMEOUT_MS);
  }
});

/** A member in this process. */
function member(respond: (path: string, request: Request) => Response | Promise<Response>) {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => respond(new URL(request.url).pathname, request),
  );
  return { address: `127.0.0.1:${server.addr.port}`, server };
}

Deno.test("a watch ends if the member accepts the connection and sends nothing", async () => {
  using stopped = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using client = new EtcdClient({ members: [`127.0.0.1:${stopped.addr.port}`] });
  const watch = client.watch("/a/", 0, 50, new AbortController().signal);
  const ended = assertRejects(() => watch.next(), EtcdUnreachableError);
  await within(1000, "the watch ends", ended);
});

Deno.test("a watch that is ended leaves the client at its member", async () => {
  const requests: number[] = [];
  const began = Promise.withResolvers<void>();
  const members = [0, 1].map((at) =>
    member((path) => {
      requests.push(at);
      if (!path.endsWith("/watch")) return Response.json({ header: { revision: "1" } });
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          controller.enqueue(new TextEncoder().encode('{"result":{"created":true}}\n'));
          began.resolve();
        },
      });
      return new Response(body);
    })
  );
  await using _first = members[0]!.server;
  await using _second = members[1]!.server;
  using client = new EtcdClient({ members: members.map(({ address }) => address) });
  const ending = new AbortController();
  const messages = Array.fromAsync(client.watch("/a/", 0, TIMEOUT_MS, ending.signal));
  await began.promise;
  ending.abort();
  await messages;
  await client.revision(TIMEOUT_MS);
  assertEquals(requests, [0, 0]);
});

Deno.test("a watch that is refused has the reason and the code, as etcd 3.4 and 3.6 respond", async () => {
  const message = "etcdserver: invalid auth token";
  for (const error of [{ grpc_code: 16, http_code: 401, message }, { code: 16, message }]) {
    const { address, server } = member(() => Response.json({ error }, { status: 401 }));
    await using _server = server;
    using client = new EtcdClient({ members: [address] });
    const watch = client.watch("/a/", 0, TIMEOUT_MS, new AbortController().signal);
    const refused = await assertRejects(() => watch.next(), EtcdRefusedError, message);
    assert(refused.isToken, "another token is needed");
  }
});

Deno.test("a watch ends if the member skips changes of a key", async () => {
  const event = (key: string, version: number) => {
    const isDeleted = version === 0;
    const kv = {
      key: btoa(key),
      mod_revision: "9",
      ...(isDeleted ? {} : { version: `${version}` }),
    };
    return { kv, ...(isDeleted ? { type: "DELETE" } : {}) };
  };
  const messages = [
    [event("/a/pulse", 7), event("/a/b", 1)],
    [event("/a/b", 2), event("/a/b", 0), event("/a/b", 1)],
    [event("/a/pulse", 8), event("/a/b", 0)],
    [event("/a/b", 1), event("/a/pulse", 10)],
  ];
  const lines = messages.map((events) => `${JSON.stringify({ result: { events } })}\n`);
  const { address, server } = member(() => new Response(lines.join("")));
  await using _server = server;
  using client = new EtcdClient({ members: [address] });
  const seen: number[] = [];
  await assertRejects(
    async () => {
      const watch = client.watch("/a/", 0, TIMEOUT_MS, new AbortController().signal);
      for await (const { rows, deleted } of watch) seen.push(rows.length + deleted.length);
    },
    EtcdUnreachableError,
    "version 10 of /a/pulse after 8",
  );
  assertEquals(seen, [2, 1, 2]);
});

Deno.test("a request waits no longer than its time for a token that another one has requested", async () => {
  let tokens = 0;
  const requested = Promise.withResolvers<void>();
  const ended = new AbortController();
  const { address, server } = member(async (path) => {
    if (!path.endsWith("/authenticate")) return Response.json({ header: { revision: "7" } });
    if (++tokens > 1) return Response.json({ token: `${tokens}` });
    requested.resolve();
    await new Promise((resolve) => ended.signal.addEventListener("abort", resolve));
    return new Response();
  });
  await using _server = server;
  using client = new EtcdClient({ members: [address], user: { name: "u", password: "p" } });
  const watch = client.watch("/a/", 0, 60_000, ended.signal).next().catch(() => {});
  await requested.promise;
  const late = assertRejects(() => client.revision(50), EtcdUnreachableError, "within 50 ms");
  await within(1000, "the request ends", late);
  const revision = () => client.revision(50).catch(() => 0);
  await until(async () => await revision() === 7, () => "another token is requested");
  ended.abort();
  await watch;
});

Deno.test("`etcdConnection()` refuses options that do not fit, and a password without TLS", async () => {
  const wrong: [Parameters<typeof etcdConnection>[1], string][] = [
    [{ certFile: "c" }, "both --store-cert and --store-key"],
    [{ certFile: "c", keyFile: "k" }, "set --store-ca-cert"],
    [{ user: "u" }, "both --store-user and --store-password-file"],
    [{ user: "u", passwordFile: "p" }, "would travel to 10.0.0.1:2379 unencrypted"],
    [{ caFile: "/nonexistent" }, "Cannot read certificate /nonexistent"],
  ];
  for (const [access, fault] of wrong) {
    await assertRejects(
      () => etcdConnection(["127.0.0.1:1", "10.0.0.1:2379"], access),
      TypeError,
      fault,
    );
  }
});
