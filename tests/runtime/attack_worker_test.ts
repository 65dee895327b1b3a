/** A client that attaches to its worker like an honest one and then sends what it likes: THREATS.md, rows 4, 5, 7, 8, 9. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../fabric/errors.ts";
import { Access, type Connection, type Provider } from "../../fabric/fabric.ts";
import { openShm } from "../../fabric/shm/provider.ts";
import { Opcode, Status } from "../../fabric/status.ts";
import { AttachRefusal, encodeAttach, receiveJson, sendJson } from "../../runtime/attach.ts";
import { ControlChannel, controlOptions } from "../../runtime/control_channel.ts";
import { encodeManagerHello, ManagerRole } from "../../runtime/manager_hello.ts";
import { ManagerClient } from "../../runtime/manager_client.ts";
import type { Executor } from "../../runtime/node_protocol.ts";
import { sha256Hex } from "../../runtime/sha256.ts";
import {
  arenaLayout,
  CallStatus,
  HEADER_AT,
  HEADER_BYTES,
  MESSAGE_BYTES,
  PAYLOAD_AT,
  receivesFor,
} from "../../runtime/wire.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { within } from "../support/cluster_lease.ts";
import { functionsPackage } from "../support/functions_package.ts";
import { limitMs } from "../support/time_factor.ts";

const DEPTH = 2;
const MAX_BYTES = 100;
const LAYOUT = arenaLayout(DEPTH, MAX_BYTES);

/** A lease taken by hand: its channel to the node and the executor that serves it. */
interface RawLease extends AsyncDisposable {
  readonly fabric: Provider;
  readonly channel: ControlChannel;
  readonly executor: Executor;
  /** The next executor that the node tells of. */
  nextExecutor(): Promise<Executor>;
}

async function takeRawLease(cluster: Cluster): Promise<RawLease> {
  const manager = new ManagerClient({ url: cluster.managerUrl, token: cluster.clientToken });
  const fabric = openShm();
  const source = await functionsPackage();
  const taken = await manager.takeLease({ workers: 1, memoryBytes: 2 ** 28, seconds: 30 });
  const connection = await fabric.connect(cluster.nodes[0]!.addresses[0]!, {
    ...controlOptions(source.length),
    privateData: encodeManagerHello(ManagerRole.CLIENT),
  });
  let told = Promise.withResolvers<Executor>();
  const channel = new ControlChannel(connection, {
    notice: (type, body) => type === "executor" && told.resolve(body as Executor),
  });
  const executor = await channel.request("admit", {
    grant: taken.grants[0]!.grant,
    workers: 1,
    depth: DEPTH,
    maxBytes: MAX_BYTES,
    hotMs: 100,
    package: { sha256: await sha256Hex(source), ...channel.lend(source) },
  }, { timeoutMs: limitMs(10_000) }) as Executor;
  return {
    fabric,
    channel,
    executor,
    nextExecutor: () => (told = Promise.withResolvers<Executor>()).promise,
    [Symbol.asyncDispose]: async () => {
      await channel.request("end", {}).catch(() => {});
      channel.close();
      await manager.endLease(taken.lease).catch(() => {});
      manager.close();
      fabric.close();
      await fabric.closed;
    },
  };
}

function dial({ fabric, executor }: RawLease, privateData: Uint8Array): Promise<Connection> {
  return fabric.connect(executor.addresses[0]!, {
    arenaBytes: LAYOUT.arenaBytes,
    receiveDepth: receivesFor(DEPTH) + 1,
    receives: [{ id: 0, offset: LAYOUT.receiveAt, length: MESSAGE_BYTES }],
    privateData,
    timeoutMs: limitMs(5000),
  });
}

const secretOf = (raw: RawLease) => Uint8Array.fromHex(raw.executor.secret);

/** An attached connection that posts raw requests and gives the raw replies. */
async function attachRaw(raw: RawLease) {
  const connection = await dial(raw, encodeAttach(0, secretOf(raw)));
  const region = connection.register(LAYOUT.inboundAt, LAYOUT.slotsBytes, Access.REMOTE_WRITE);
  connection.postReceives(receivesFor(DEPTH));
  const area = new Uint8Array(connection.buffer(LAYOUT.sendAt, MESSAGE_BYTES));
  sendJson(connection, LAYOUT.sendAt, area, {
    address: region.address,
    rkey: region.rkey,
    depth: DEPTH,
    maxBytes: MAX_BYTES,
    firstSequence: 0,
  });
  const ready = await receiveJson(connection, LAYOUT.receiveAt, { timeoutMs: limitMs(10_000) }) as {
    address: number;
    rkey: number;
    functions: string[];
  };
  const share = (slot: number, at: number, length: number) =>
    connection.share(ready.address + slot * LAYOUT.stride + at, length, ready.rkey)!;
  const headers = [0, 1].map((slot) => new Int32Array(share(slot, HEADER_AT, HEADER_BYTES)));
  const inputs = [0, 1].map((slot) => new Uint8Array(share(slot, PAYLOAD_AT, MAX_BYTES)));
  const replies = [0, 1].map((slot) =>
    new Int32Array(
      connection.buffer(LAYOUT.inboundAt + slot * LAYOUT.stride + HEADER_AT, HEADER_BYTES),
    )
  );
  const sequences = [0, 0];
  const post = (slot: number, header: readonly number[], immediate: number) => {
    headers[slot]!.set(header);
    connection.writeImmediate(0, 0, 0, 0, 0, immediate, 0);
  };
  const reply = async () => {
    const untilMs = performance.now() + limitMs(3000);
    while (!connection.poll()) {
      const timeoutMs = untilMs - performance.now();
      if (timeoutMs <= 0 || connection.state !== "connected") {
        throw new Error(`no reply; the connection is ${connection.state}: ${connection.reason}`);
      }
      await connection.wait({ timeoutMs });
    }
    const { immediate, opcode, status } = connection.completion;
    assertEquals([opcode, status], [Opcode.RECEIVE_WRITE_IMMEDIATE, Status.SUCCESS]);
    connection.postReceives(1);
    const slot = immediate & 255;
    return {
      slot,
      status: immediate >>> 8,
      sequence: replies[slot]?.[0],
      length: replies[slot]?.[1],
    };
  };
  return {
    connection,
    ready,
    inputs,
    sequences,
    post,
    reply,
    index: (name: string) => ready.functions.indexOf(name),
    /** An honest call, which shows that the worker lives and takes this slot. */
    async echo(slot: number) {
      const sequence = sequences[slot] = (sequences[slot]! + 1) | 0;
      inputs[slot]!.fill(sequence);
      post(slot, [sequence, 10, 0, MAX_BYTES], slot | (ready.functions.indexOf("echo") << 8));
      assertEquals(await reply(), { slot, status: CallStatus.OK, sequence, length: 10 });
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

/** Another client on the same node is served. */
async function othersAreServed(cluster: Cluster): Promise<void> {
  const client = await cluster.connect();
  const lease = await client.lease({ functions: await functionsPackage() });
  assertEquals(await lease.invoke("echo", Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  await client.close();
}

Deno.test("a worker answers forged slots, functions and flags cleanly, and goes on", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, echo, sequences, ready } = attached;
  await echo(0);
  for (const slot of [2, 3, 127, 128, 255]) { // beyond depth
    post(0, [1, 1, 0, 1], slot);
    assertEquals((await reply()).status, CallStatus.BAD_REQUEST);
  }
  for (const flags of [0x01000000, 0x7f000000, -1, 0x80000000 | 0]) { // bits that are to be zero
    post(0, [sequences[0]! + 1, 1, 0, 1], flags);
    assertEquals((await reply()).status, CallStatus.BAD_REQUEST);
  }
  for (const index of [ready.functions.length, 255, 256, 0xffff]) {
    sequences[0]!++;
    post(0, [sequences[0]!, 1, 0, 1], index << 8);
    const { status, sequence } = await reply();
    assertEquals([status, sequence], [CallStatus.UNKNOWN_FUNCTION, sequences[0]]);
  }
  await echo(0);
  await echo(1);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), async (immediate) => {
      const runs = immediate >>> 24 === 0 && (immediate & 255) < DEPTH &&
        (immediate >>> 8) < ready.functions.length;
      fc.pre(!runs);
      const slot = immediate & 255;
      const counted = slot < DEPTH && immediate >>> 24 === 0;
      if (counted) sequences[slot]!++;
      post(slot & 1, [sequences[slot & 1]! + (counted ? 0 : 1), 0, 0, 0], immediate);
      const { status } = await reply();
      assertEquals(status, counted ? CallStatus.UNKNOWN_FUNCTION : CallStatus.BAD_REQUEST);
    }),
    { numRuns: 300 },
  );
  await echo(0);
  await echo(1);
});

Deno.test("a worker takes no length, capacity or sequence but the right ones", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, echo, sequences, index } = attached;
  await echo(0);
  const bad = [-1, MAX_BYTES + 1, 2 ** 31 - 1, -(2 ** 31), 1024, -16];
  for (const length of bad) {
    for (const header of [[length, 0, MAX_BYTES], [10, 0, length]]) {
      sequences[0]!++;
      post(0, [sequences[0]!, ...header], index("echo") << 8);
      assertEquals(await reply(), {
        slot: 0,
        status: CallStatus.BAD_REQUEST,
        sequence: sequences[0],
        length: 0,
      });
    }
  }
  for (
    const [length, capacity] of [[0, 0], [0, MAX_BYTES], [MAX_BYTES, MAX_BYTES], [1, 1]] as const
  ) {
    sequences[0]!++;
    post(0, [sequences[0]!, length, 0, capacity], index("echo") << 8);
    assertEquals(await reply(), { slot: 0, status: CallStatus.OK, sequence: sequences[0], length });
  }
  // Doubled, skipped, far off: refused, and the slot's turn is not used up.
  for (const off of [0, 2, -1, 2 ** 16, 2 ** 31 - 1, -(2 ** 31)]) {
    post(0, [(sequences[0]! + off) | 0, 1, 0, 1], index("echo") << 8);
    assertEquals((await reply()).status, CallStatus.BAD_REQUEST);
  }
  await echo(0);
  // A time left of 2^32 - 1 microseconds is an hour, not less than none.
  sequences[0]!++;
  post(0, [sequences[0]!, 1, -1, 1], index("later") << 8);
  assertEquals((await reply()).status, CallStatus.OK);
  await echo(1);
});

Deno.test("a worker refuses a second call into a busy slot, and reads a header once", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, echo, sequences, index, inputs } = attached;
  await echo(0);
  inputs[0]!.fill(150);
  const running = ++sequences[0]!;
  post(0, [running, 1, 0, 5], index("later") << 8);
  await echo(1); // requests are served in their order: this one's reply shows that the first was taken
  post(0, [running + 1, MAX_BYTES, 0, MAX_BYTES], index("echo") << 8);
  assertEquals((await reply()).status, CallStatus.BAD_REQUEST, "the second call");
  post(0, [running, 1, 0, 5], index("later") << 8);
  assertEquals((await reply()).status, CallStatus.BAD_REQUEST, "the first one again");
  await echo(1); // the other slot is served beside
  assertEquals(await reply(), { slot: 0, status: CallStatus.OK, sequence: running, length: 1 });
  // The header is rewritten while the function has the thread: the view keeps the length that was checked.
  inputs[0]!.fill(20);
  const held = ++sequences[0]!;
  post(0, [held, 3, 0, 5], index("hold") << 8);
  const header = new Int32Array(
    attached.connection.share(
      attached.ready.address + HEADER_AT,
      HEADER_BYTES,
      attached.ready.rkey,
    )!,
  );
  header.set([-1, 2 ** 31 - 1, 1, 2 ** 31 - 1]);
  const answer = await reply();
  assert(
    answer.status === CallStatus.OK && answer.length === 3 ||
      answer.status === CallStatus.BAD_REQUEST,
    `${JSON.stringify(answer)}`,
  );
  if (answer.status === CallStatus.BAD_REQUEST) sequences[0]!--; // it was rewritten before it was read
  await echo(0);
});

Deno.test("a flood of forged calls ends in refusals or a lost connection, and others are served", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { connection } = attached;
  for (let i = 0; i < 10_000 && connection.state === "connected"; i++) {
    try {
      connection.writeImmediate(0, 0, 0, 0, 0, 0xff, 0);
    } catch (error) {
      assert(error instanceof FabricError, `${error}`);
      break;
    }
    while (connection.poll());
  }
  await within(10_000, "the others", othersAreServed(cluster));
});

Deno.test("a worker rejects what does not show its secret in the right form, in constant ways, and then takes its client", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  const secret = secretOf(raw);
  const good = encodeAttach(0, secret);
  const changed = (at: number, value: number) => good.with(at, value);
  const attempts: [Uint8Array, number][] = [
    [new Uint8Array(0), AttachRefusal.MALFORMED],
    [good.subarray(0, 27), AttachRefusal.MALFORMED],
    [Uint8Array.of(...good, 1), AttachRefusal.MALFORMED],
    [new Uint8Array(56), AttachRefusal.MALFORMED],
    [new Uint8Array(28), AttachRefusal.MALFORMED],
    [changed(0, 0), AttachRefusal.MALFORMED],
    [changed(4, 99), AttachRefusal.VERSION],
    [changed(6, 1), AttachRefusal.VERSION],
    [encodeAttach(1, secret), AttachRefusal.MALFORMED],
    [encodeAttach(2 ** 32 - 1, secret), AttachRefusal.MALFORMED],
    [encodeAttach(0, new Uint8Array(16)), AttachRefusal.SECRET],
    ...Array.from(
      { length: 16 },
      (_, i): [Uint8Array, number] => [changed(12 + i, good[12 + i]! ^ 1), AttachRefusal.SECRET],
    ),
  ];
  for (const [privateData, refusal] of attempts) {
    const error = await assertRejects(() => dial(raw, privateData), FabricError);
    assertEquals([error.code, ...error.privateData], ["rejected", refusal], `${privateData}`);
  }
  using attached = await attachRaw(raw);
  await attached.echo(0);
  // It has its client now: nobody else comes in, not even with the secret.
  await assertRejects(() => dial(raw, good), FabricError);
  await attached.echo(1);
});

const BAD_ATTACHES = [
  ["no JSON", "{"],
  ["null", "null"],
  ["a list", "[]"],
  ["a text", '"attach"'],
  ["no address", '{"rkey":1,"depth":2,"maxBytes":100,"firstSequence":0}'],
  ["another depth", '{"address":4096,"rkey":1,"depth":256,"maxBytes":100,"firstSequence":0}'],
  ["another maxBytes", '{"address":4096,"rkey":1,"depth":2,"maxBytes":1e9,"firstSequence":0}'],
  [
    "an address of its own making",
    '{"address":9007199254740991,"rkey":1,"depth":2,"maxBytes":100,"firstSequence":0}',
  ],
  ["a negative address", '{"address":-1,"rkey":1,"depth":2,"maxBytes":100,"firstSequence":0}'],
  [
    "a foreign rkey",
    '{"address":0,"rkey":4294967295,"depth":2,"maxBytes":100,"firstSequence":0}',
  ],
  [
    "__proto__",
    '{"__proto__":{"address":0},"rkey":1,"depth":2,"maxBytes":100,"firstSequence":0}',
  ],
] as const;

Deno.test("a worker ends when its client's attach message makes no sense, and the lease gets a fresh executor", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  let { executor } = raw;
  for (const [what, message] of BAD_ATTACHES) {
    const next = raw.nextExecutor();
    const connection = await dial(
      { ...raw, executor },
      encodeAttach(0, Uint8Array.fromHex(executor.secret)),
    );
    const bytes = new TextEncoder().encode(message);
    new Uint8Array(connection.buffer(LAYOUT.sendAt, MESSAGE_BYTES)).set(bytes);
    connection.send(0, LAYOUT.sendAt, bytes.length, 0);
    const fresh = await within(8000, `another executor after ${what}`, next);
    assertEquals(fresh.generation, executor.generation + 1);
    assert(fresh.secret !== executor.secret);
    assert(!connection.probe(), `the worker is still there after ${what}`);
    connection.close();
    executor = fresh;
  }
  using attached = await attachRaw({ ...raw, executor });
  await attached.echo(0);
  await othersAreServed(cluster);
});

Deno.test("a worker that a call reaches before the attach message ends, and others are served", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  const connection = await dial(raw, encodeAttach(0, secretOf(raw)));
  connection.writeImmediate(0, 0, 0, 0, 0, 0, 0);
  const untilMs = performance.now() + limitMs(8000);
  while (connection.state === "connected" && performance.now() < untilMs) {
    await connection.wait({ timeoutMs: 100 });
    while (connection.poll());
  }
  assert(connection.state !== "connected", "the worker is still there");
  connection.close();
  await othersAreServed(cluster);
});
