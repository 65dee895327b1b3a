/** Attacks on an executor manager: invalid messages, and grants that are forged or belong to others. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection, Provider } from "../../../fabric/fabric.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import {
  ControlChannel,
  ControlError,
  controlOptions,
  MAX_CONTROL_BYTES,
} from "../../../runtime/control/control_channel.ts";
import { fromBase64Url, toBase64Url } from "../../../runtime/grant/grant_key.ts";
import { encodeManagerHello, ManagerRole } from "../../../runtime/protocol/manager_hello.ts";
import type { Admitted } from "../../../runtime/protocol/node_protocol.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { refusalText } from "../../../runtime/protocol/private_data.ts";
import { sha256Hex } from "../../../runtime/package/sha256.ts";
import { firstIndexes } from "../../../runtime/protocol/serve_terms.ts";
import { type Cluster, startCluster } from "../../support/cluster/cluster.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { serveTerms } from "../../support/cluster/serve_terms.ts";
import { limitMs } from "../../support/time_factor.ts";

const source = packageOf("export const f = (input, output) => (output.set(input), input.length);");
const SHA256 = await sha256Hex(source as Uint8Array<ArrayBuffer>);

/** The fabric and the manager client of one hostile client. */
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

  /** Opens a channel with the package registered. Returns also the fields that `admit` needs beside a grant. */
  async channel(node = 0) {
    const channel = new ControlChannel(await this.dial(undefined, node));
    const body = {
      ...serveTerms(),
      package: { sha256: SHA256, ...channel.lend(source) },
    };
    return { channel, body };
  }

  async grants(workers = 1) {
    const taken = await this.manager.takeLease({ workers, memoryBytes: 2 ** 20, termMs: 5_000 });
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

Deno.test("an executor manager rejects private data without a hello, and executors that it did not start", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const hello = encodeManagerHello(ManagerRole.CLIENT);
  const bad = [
    new Uint8Array(0),
    hello.subarray(0, 23),
    Uint8Array.of(...hello, 1),
    new Uint8Array(56),
    hello.with(0, 0),
    hello.with(4, hello[4]! + 1),
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

Deno.test("an executor manager names both versions when it rejects a client of another version", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const hello = encodeManagerHello(ManagerRole.CLIENT);
  const version = hello[4]!;
  const newer = hello.with(4, version + 1);
  const error = await assertRejects(() => attacker.dial(newer), FabricError);
  assertEquals(
    refusalText(error.privateData),
    `version ${version + 1}, this is version ${version}`,
  );
});

Deno.test("an executor manager closes channels with malformed messages, and goes on", async () => {
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
  const encoded = (message: string) => new TextEncoder().encode(message);
  for (
    const message of [
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
    await send(encoded(message));
  }
  await send(Uint8Array.of(0xff, 0xfe, 0xc0, 0x80));
  await send(encoded('{"re":1}'), false); // a response without a request
  await send(encoded('{"type":"over","body":{"reason":5}}'), false); // an event without a listener
  // Longer than the receive buffer that it arrives in.
  const connection = await attacker.dial();
  connection.send(0, 0, MAX_CONTROL_BYTES + 1, 0);
  await ended(connection);
  connection.close();
  // Writes with keys that were never registered.
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

Deno.test("an executor manager refuses unknown requests, wrong types and numbers out of range", async () => {
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
    { workerIndexes: [] },
    { workerIndexes: [-1] },
    { workerIndexes: [0.5] },
    { workerIndexes: [1024] },
    { workerIndexes: [0, 0] },
    { workerIndexes: firstIndexes(1025) },
    { workerIndexes: ["0"] },
    { workerIndexes: null },
    { logs: 1 },
    { wasi: null },
    { permissions: null },
    { permissions: { net: ["*"], read: [], env: [] } },
    { depth: 0 },
    { depth: 257 },
    { maxBytes: 0 },
    { maxBytes: 2 ** 30 + 1 },
    { maxBytes: 1e300 },
    { hotMs: -1 },
    { hotMs: "1" },
    { graceMs: -1 },
    { graceMs: 1e12 },
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
  // The same channel is then admitted with a valid request.
  const { executors } = await channel.request("admit", { grant, ...body }, {
    timeoutMs: limitMs(10_000),
  }) as Admitted;
  assertEquals(executors.map(({ worker, generation }) => [worker, generation]), [[0, 1]]);
  assertEquals(
    await refusal(channel.request("admit", { grant, ...body })),
    "bad-request",
    "a second lease of one channel",
  );
  channel.close();
  await assertServes(cluster);
});

Deno.test("an executor manager refuses grants that are forged, foreign, claimed before, expired or too small", async () => {
  await using cluster = await startCluster({ nodes: 2, cores: 4 });
  await using attacker = new Attacker(cluster);
  const { channel, body } = await attacker.channel();
  const { grant, lease, grants } = await attacker.grants(2);
  const here = cluster.nodes[0]!.node;
  const read = (text: string) => {
    const [content, , place] = text.split(".");
    const { nodes, ...common } = JSON.parse(new TextDecoder().decode(fromBase64Url(content!)));
    return { ...common, ...nodes[Number(place)] };
  };
  const mine = grants.map(({ grant }) => grant).find((text) => read(text).node === here)!;
  const other = grants.map(({ grant }) => grant).find((text) => read(text).node !== here)!;
  const forge = (change: Record<string, unknown>) => {
    const [content, signature, place] = mine.split(".");
    const json = { ...JSON.parse(new TextDecoder().decode(fromBase64Url(content!))), ...change };
    return `${toBase64Url(new TextEncoder().encode(JSON.stringify(json)))}.${signature}.${place}`;
  };
  const [content, signature, place] = mine.split(".") as [string, string, string];
  const { nodes } = JSON.parse(new TextDecoder().decode(fromBase64Url(content)));
  assertEquals(nodes.length, 2, "both nodes share a signature");
  const forged = [
    "",
    ".",
    "..",
    content,
    `${content}..${place}`,
    `.${signature}.${place}`,
    `${content}.${signature}`,
    `${content}.${signature}.`,
    `${content}.${signature}.2`,
    `${content}.${signature}.${signature}`,
    `${content}.${toBase64Url(new Uint8Array(64))}.${place}`,
    forge({ nodes: [{ ...nodes[Number(place)], workers: 4 }] }),
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
    await refusal(channel.request("admit", { ...body, grant: mine, workerIndexes: [0, 1, 2] })),
    "bad-grant",
    "3 workers of 2",
  );

  // The package does not match its hash: the manager refuses it and frees the cores.
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
  // A grant of another lease does not renew this one.
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

  // Claimed more than two seconds after it was signed.
  const waitMs = read(late.grant).claimByMs - late.nowMs + 100;
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  const there = read(late.grant).node === here ? 0 : 1;
  const slow = await attacker.channel(there);
  assertEquals(
    await refusal(slow.channel.request("admit", { ...slow.body, grant: late.grant })),
    "too-late",
  );
  for (const one of [channel, replay.channel, admitted.channel, slow.channel]) one.close();
  for (const id of [lease, late.lease, claimed.lease]) await attacker.manager.releaseLease(id);
  assert(grant.length > 0);
  await assertServes(cluster);
});

Deno.test("an executor manager goes on beside a crowd of silent clients, and clients that leave during admission", async () => {
  await using cluster = await startCluster();
  await using attacker = new Attacker(cluster);
  const crowd: Connection[] = [];
  for (let i = 0; i < 40; i++) crowd.push(await attacker.dial());
  await assertServes(cluster);
  for (const connection of crowd) connection.close();
  for (let i = 0; i < 3; i++) {
    const { channel, body } = await attacker.channel();
    const { grant, lease } = await attacker.grants();
    const admitting = channel.request("admit", { grant, ...body });
    admitting.catch(() => {});
    if (i === 1) await Promise.resolve();
    if (i === 2) await new Promise((resolve) => setTimeout(resolve, 20));
    channel.close();
    await attacker.manager.releaseLease(lease);
  }
  await assertServes(cluster);
});
