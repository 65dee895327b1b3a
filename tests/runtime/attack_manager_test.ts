/** What an executor manager makes of clients that send nonsense, or what is not theirs: THREATS.md, rows 9 to 11. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../fabric/errors.ts";
import type { Connection, Provider } from "../../fabric/fabric.ts";
import { openShm } from "../../fabric/shm/provider.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
  MAX_CONTROL_BYTES,
} from "../../runtime/control/control_channel.ts";
import { fromBase64Url, toBase64Url } from "../../runtime/grant/grant_key.ts";
import { encodeManagerHello, ManagerRole } from "../../runtime/protocol/manager_hello.ts";
import { ManagerClient } from "../../runtime/http/manager_client.ts";
import { refusalText } from "../../runtime/protocol/private_data.ts";
import { sha256Hex } from "../../runtime/package/sha256.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { packageOf } from "../support/functions_package.ts";
import { limitMs } from "../support/time_factor.ts";

const source = packageOf("export const f = (input, output) => (output.set(input), input.length);");
const SHA256 = await sha256Hex(source as Uint8Array<ArrayBuffer>);

/** A fabric and a client of the resource manager, for one hostile client. */
class Attacker implements AsyncDisposable {
  readonly fabric: Provider = openShm();
  readonly manager: ManagerClient;
  readonly #cluster: Cluster;
  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  }

  dial(privateData = encodeManagerHello(ManagerRole.CLIENT), node = 0): Promise<Connection> {
    const address = this.#cluster.nodes[node]!.addresses[0]!;
    return this.fabric.connect(address, {
      ...controlOptions(4096),
      privateData,
      timeoutMs: limitMs(3000),
    });
  }

  /** A channel with the package lent, and what `admit` takes besides a grant. */
  async channel(node = 0) {
    const channel = new ControlChannel(await this.dial(undefined, node));
    const body = {
      workers: 1,
      depth: 1,
      maxBytes: 64,
      hotMs: 1,
      package: { sha256: SHA256, ...channel.lend(source) },
    };
    return { channel, body };
  }

  async grants(workers = 1) {
    const taken = await this.manager.takeLease({ workers, memoryBytes: 2 ** 20, seconds: 5 });
    return { ...taken, grant: taken.grants[0]!.grant };
  }

  async [Symbol.asyncDispose]() {
    this.manager.close();
    this.fabric.close();
    await this.fabric.closed;
  }
}

async function assertServes(cluster: Cluster) {
  const client = await cluster.connect();
  const lease = await client.lease({ functions: source });
  assertEquals(await lease.invoke("f", Uint8Array.of(4, 2)), Uint8Array.of(4, 2));
  await client.close();
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => work, ControlError);
  return error.code;
}

Deno.test("an executor manager rejects private data that is no hello, and executors that it did not start", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const hello = encodeManagerHello(ManagerRole.CLIENT);
  const bad = [
    new Uint8Array(0),
    hello.subarray(0, 23),
    Uint8Array.of(...hello, 1),
    new Uint8Array(56),
    hello.with(0, 0),
    hello.with(4, 2),
    hello.with(6, 0),
    hello.with(6, 3),
    encodeManagerHello(ManagerRole.EXECUTOR),
    encodeManagerHello(ManagerRole.EXECUTOR, "ab".repeat(16)),
  ];
  for (const privateData of bad) {
    const error = await assertRejects(() => attacker.dial(privateData), FabricError);
    assertEquals(error.code, "rejected", `${privateData}`);
  }
  await assertServes(cluster);
});

Deno.test("an executor manager of another version says so, with both versions", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const newer = encodeManagerHello(ManagerRole.CLIENT).with(4, 2);
  const error = await assertRejects(() => attacker.dial(newer), FabricError);
  assertEquals(refusalText(error.privateData), "version 2, this is version 1");
});

Deno.test("an executor manager closes channels that carry no messages, and goes on", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const send = async (bytes: Uint8Array, receive = true) => {
    const connection = await attacker.dial();
    const at = controlOptions(0).receives!.length * MAX_CONTROL_BYTES;
    if (bytes.length > 0) new Uint8Array(connection.buffer(at, bytes.length)).set(bytes);
    connection.send(0, at, bytes.length, 0);
    if (receive) await ended(connection);
    connection.close();
  };
  const ended = async (connection: Connection) => {
    const untilMs = performance.now() + limitMs(3000);
    while (connection.state === "connected" && performance.now() < untilMs) {
      await connection.wait({ timeoutMs: 100 });
      while (connection.poll());
    }
    assert(connection.state !== "connected", "the channel is still open");
  };
  const text = (said: string) => new TextEncoder().encode(said);
  for (
    const said of [
      "",
      "{",
      "null",
      "7",
      '"x"',
      "[]",
      "{}",
      '{"type":5}',
      '{"re":"1"}',
      '{"id":1}',
      "\0\0",
      "[".repeat(60_000),
      "{".repeat(65_536),
    ]
  ) {
    await send(text(said));
  }
  await send(Uint8Array.of(0xff, 0xfe, 0xc0, 0x80));
  await send(text('{"re":1}'), false); // an answer to nothing
  await send(text('{"type":"over","body":{"reason":5}}'), false); // a notice that nobody takes
  // Longer than the receive that it falls into.
  const connection = await attacker.dial();
  connection.send(0, 0, MAX_CONTROL_BYTES + 1, 0);
  await ended(connection);
  connection.close();
  // Writes and reads with keys that were never given.
  for (const rkey of [0, 1, 2 ** 32 - 1]) {
    for (const address of [0, 4096, 2 ** 40]) {
      const guess = await attacker.dial();
      guess.write(1, 0, 64, address, rkey, 2);
      await ended(guess);
      guess.close();
    }
  }
  await assertServes(cluster);
});

Deno.test("an executor manager refuses what it does not know, wrong types and numbers out of range", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const { channel, body } = await attacker.channel();
  for (const type of ["", "renew", "end", "start", "__proto__", "constructor", "x".repeat(1000)]) {
    assertEquals(await refusal(channel.request(type, {})), "bad-request", type);
  }
  const { grant } = await attacker.grants();
  const bad: Record<string, unknown>[] = [
    { grant: 5 },
    { grant: null },
    { workers: 0 },
    { workers: -1 },
    { workers: 1.5 },
    { workers: 2 ** 31 },
    { workers: 1025 },
    { workers: "1" },
    { workers: null },
    { depth: 0 },
    { depth: 257 },
    { maxBytes: 0 },
    { maxBytes: 2 ** 30 },
    { maxBytes: 1e300 },
    { hotMs: -1 },
    { hotMs: "1" },
    { package: null },
    { package: { ...body.package, sha256: "../../etc/passwd" } },
    { package: { ...body.package, sha256: SHA256.toUpperCase() } },
    { package: { ...body.package, length: 0 } },
    { package: { ...body.package, length: -1 } },
    { package: { ...body.package, length: 2 ** 31 } },
    { package: { ...body.package, address: -1 } },
    { package: { ...body.package, rkey: 0.5 } },
  ];
  for (const part of bad) {
    assertEquals(
      await refusal(channel.request("admit", { grant, ...body, ...part })),
      "bad-request",
      JSON.stringify(part),
    );
  }
  for (const whole of [null, [], 1, "admit", {}]) {
    assertEquals(await refusal(channel.request("admit", whole)), "bad-request");
  }
  // After all that, the same channel is admitted with what is right.
  const executor = await channel.request("admit", { grant, ...body }, {
    timeoutMs: limitMs(10_000),
  });
  assertEquals((executor as { generation: number }).generation, 1);
  assertEquals(
    await refusal(channel.request("admit", { grant, ...body })),
    "bad-request",
    "a second lease of one channel",
  );
  channel.close();
  await assertServes(cluster);
});

Deno.test("an executor manager admits no grant that is forged, foreign, claimed before, expired or too small", async () => {
  await using cluster = await startCluster({ nodes: 2, cores: 4 });
  await using attacker = new Attacker(cluster);
  const { channel, body } = await attacker.channel();
  const { grant, lease, grants } = await attacker.grants(2);
  const here = cluster.nodes[0]!.node;
  const read = (text: string) =>
    JSON.parse(new TextDecoder().decode(fromBase64Url(text.split(".")[0]!)));
  const mine = grants.map(({ grant }) => grant).find((text) => read(text).node === here)!;
  const other = grants.map(({ grant }) => grant).find((text) => read(text).node !== here)!;
  const forge = (change: Record<string, unknown>) => {
    const [content, signature] = mine.split(".");
    const json = { ...JSON.parse(new TextDecoder().decode(fromBase64Url(content!))), ...change };
    return `${toBase64Url(new TextEncoder().encode(JSON.stringify(json)))}.${signature}`;
  };
  const [content, signature] = mine.split(".") as [string, string];
  const forged = [
    "",
    ".",
    content,
    `${content}.`,
    `.${signature}`,
    `${content}.${signature}.${signature}`,
    `${content}.${toBase64Url(new Uint8Array(64))}`,
    forge({ workers: 4 }),
    forge({ expiresMs: Number.MAX_SAFE_INTEGER }),
    forge({ key: "0".repeat(16) }),
    "x".repeat(5000),
    other,
  ];
  for (const text of forged) {
    assertEquals(
      await refusal(channel.request("admit", { ...body, grant: text })),
      "bad-grant",
      text.slice(0, 80),
    );
  }
  assertEquals(
    await refusal(channel.request("admit", { ...body, grant: mine, workers: 3 })),
    "bad-grant",
    "3 workers of 2",
  );

  // The package is not what its name says: refused, and the cores are free again.
  const wrong = { ...body.package, sha256: "0".repeat(64) };
  const liar = await attacker.channel();
  const code = await refusal(
    liar.channel.request("admit", {
      ...liar.body,
      grant: mine,
      package: { ...wrong, ...liar.channel.lend(packageOf("x")) },
    }),
  );
  assertEquals(code, "bad-package");
  liar.channel.close();

  const late = await attacker.grants(1);
  const claimed = await attacker.grants(1);
  const first = read(claimed.grant).node === here ? 0 : 1;
  const admitted = await attacker.channel(first);
  await admitted.channel.request("admit", { ...admitted.body, grant: claimed.grant }, {
    timeoutMs: limitMs(10_000),
  });
  const replay = await attacker.channel(first);
  assertEquals(
    await refusal(replay.channel.request("admit", { ...replay.body, grant: claimed.grant })),
    "bad-grant",
    "a replay",
  );
  // A grant of another lease renews nothing.
  assertEquals(
    await refusal(admitted.channel.request("renew", { grant: late.grant })),
    "bad-grant",
  );
  assertEquals(await refusal(admitted.channel.request("renew", {})), "bad-request");
  await admitted.channel.request("end", {});
  await admitted.channel.request("end", {}); // ending is idempotent
  assertEquals(
    await refusal(replay.channel.request("admit", { ...replay.body, grant: claimed.grant })),
    "bad-grant",
    "a replay after the end",
  );

  // Claimed later than within two seconds of its being signed.
  const waitMs = read(late.grant).claimByMs - late.nowMs + 100;
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  const there = read(late.grant).node === here ? 0 : 1;
  const slow = await attacker.channel(there);
  assertEquals(
    await refusal(slow.channel.request("admit", { ...slow.body, grant: late.grant })),
    "too-late",
  );
  for (const one of [channel, replay.channel, admitted.channel, slow.channel]) one.close();
  for (const id of [lease, late.lease, claimed.lease]) await attacker.manager.endLease(id);
  assert(grant.length > 0);
  await assertServes(cluster);
});

Deno.test("an executor manager outlives a crowd that connects and says nothing, and clients that leave in mid-admission", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const crowd: Connection[] = [];
  for (let i = 0; i < 40; i++) crowd.push(await attacker.dial());
  await assertServes(cluster);
  for (const connection of crowd) connection.close();
  for (let i = 0; i < 3; i++) {
    const { channel, body } = await attacker.channel();
    const { grant, lease } = await attacker.grants();
    const asked = channel.request("admit", { grant, ...body });
    asked.catch(() => {});
    if (i === 1) await Promise.resolve();
    if (i === 2) await new Promise((resolve) => setTimeout(resolve, 20));
    channel.close();
    await attacker.manager.endLease(lease);
  }
  await assertServes(cluster);
});
