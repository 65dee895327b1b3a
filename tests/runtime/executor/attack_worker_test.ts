/** A client that attaches to its worker like an honest one and then sends what it likes: THREATS.md, rows 4, 5, 7, 8, 9. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection } from "../../../fabric/fabric.ts";
import { AttachRefusal, encodeAttach } from "../../../runtime/protocol/attach.ts";
import {
  CallStatus,
  END_STREAM,
  HEADER_AT,
  HEADER_BYTES,
  MESSAGE_BYTES,
  NEXT_CHUNK,
  PAYLOAD_AT,
} from "../../../runtime/protocol/wire.ts";
import {
  attachRaw,
  DEPTH,
  dial,
  LAYOUT,
  MAX_BYTES,
  secretOf,
  takeRawLease,
} from "../../support/raw_lease.ts";
import { type Cluster, startCluster } from "../../support/cluster.ts";
import { within } from "../../support/cluster_lease.ts";
import { functionsPackage } from "../../support/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";

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
      const slot = immediate & 255;
      const next = (sequences[slot] ?? 0) + 1;
      const high = immediate >>> 24;
      const counted = slot < DEPTH && (high === 0 || high === (0x80 | (next & 0x7f)));
      fc.pre(!counted || ((immediate >>> 8) & 0xffff) >= ready.functions.length);
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

Deno.test("a stream takes the requests that go on with it, one at a time, and no others", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, echo, sequences, index } = attached;
  const ask = async (functionIndex: number, header: readonly number[] = [0, 0, MAX_BYTES]) => {
    post(0, [++sequences[0]!, ...header], functionIndex << 8);
    const { status, sequence } = await reply();
    assertEquals(sequence, sequences[0]);
    return status;
  };
  assertEquals(await ask(index("parts"), [2, 0, 1]), CallStatus.MORE);
  for (const other of [index("echo"), index("parts"), 0xfffd, 0x8000]) {
    assertEquals(await ask(other), CallStatus.BAD_REQUEST);
    assertEquals(await ask(NEXT_CHUNK), CallStatus.MORE); // it goes on
  }
  for (const off of [0, 2, -1, 2 ** 16]) {
    post(0, [(sequences[0]! + off) | 0, 0, 0, MAX_BYTES], NEXT_CHUNK << 8);
    assertEquals((await reply()).status, CallStatus.BAD_REQUEST);
  }
  // Lengths are those of its first request, whatever a later one says.
  for (const length of [-1, 2 ** 31 - 1, MAX_BYTES + 1]) {
    assertEquals(await ask(NEXT_CHUNK, [length, 0, length]), CallStatus.MORE);
  }
  await echo(1);
  assertEquals(await ask(END_STREAM), CallStatus.OK);
  for (const after of [END_STREAM, NEXT_CHUNK]) {
    assertEquals(await ask(after), CallStatus.UNKNOWN_FUNCTION);
  }
  await echo(0);
  // While a chunk is made, another request for one is refused, and its turn is not used up.
  attached.inputs[0]!.set([1, 100, 1]);
  assertEquals(await ask(index("partsLater"), [3, 0, 1]), CallStatus.MORE);
  post(0, [++sequences[0]!, 0, 0, 1], NEXT_CHUNK << 8);
  await echo(1); // the request before it has been taken by now
  post(0, [sequences[0]! + 1, 0, 0, 1], NEXT_CHUNK << 8);
  assertEquals((await reply()).status, CallStatus.BAD_REQUEST);
  assertEquals((await reply()).status, CallStatus.MORE);
  assertEquals(await ask(NEXT_CHUNK), CallStatus.MORE);
  assertEquals(await ask(NEXT_CHUNK), CallStatus.OK);
  await echo(0);
  assertEquals(await ask(index("parts"), [2, 0, 1]), CallStatus.MORE); // left open when the client goes
  await othersAreServed(cluster);
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

Deno.test("a worker takes a request without its header, with the time and room of the one before", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { connection, ready, reply, echo, sequences, index } = attached;
  const sent = new Uint8Array(connection.buffer(LAYOUT.outboundAt, 2 * LAYOUT.stride));
  const short = (bytes: number, sequence: number) =>
    connection.writeImmediate(
      0,
      LAYOUT.outboundAt,
      bytes,
      ready.address + PAYLOAD_AT,
      ready.rkey,
      (index("echo") << 8) | (sequence << 24) | 0x80000000,
      0,
    );
  await echo(0); // its header stays: no limit but the lease's, room for MAX_BYTES
  for (const bytes of [0, 1, 10, MAX_BYTES]) {
    sent.fill(bytes + 1);
    const sequence = ++sequences[0]!;
    short(bytes, sequence);
    assertEquals(await reply(), { slot: 0, status: CallStatus.OK, sequence, length: bytes });
    const echoed = connection.buffer(LAYOUT.inboundAt + PAYLOAD_AT, bytes);
    assertEquals(new Uint8Array(echoed), new Uint8Array(bytes).fill(bytes + 1));
  }
  for (const off of [0, 2, 64, 127]) { // doubled, skipped, far off
    short(1, sequences[0]! + off);
    assertEquals((await reply()).status, CallStatus.BAD_REQUEST);
  }
  const sequence = ++sequences[0]!;
  short(MAX_BYTES + 1, sequence);
  assertEquals(await reply(), { slot: 0, status: CallStatus.BAD_REQUEST, sequence, length: 0 });
  while (sequences[0]! < 300) { // the seven bits of the sequence come round
    short(1, ++sequences[0]!);
    assertEquals((await reply()).status, CallStatus.OK);
  }
  await echo(0);
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

Deno.test("a worker whose client sends no attach message, or a call before it, ends, and others are served", async () => {
  await using cluster = await startCluster();
  const ends = async (send: (connection: Connection) => void) => {
    await using raw = await takeRawLease(cluster);
    const next = raw.nextExecutor();
    const connection = await dial(raw, encodeAttach(0, secretOf(raw)));
    send(connection);
    const untilMs = performance.now() + limitMs(8000);
    while (connection.state === "connected" && performance.now() < untilMs) {
      await connection.wait({ timeoutMs: 100 });
      while (connection.poll());
    }
    assert(connection.state !== "connected", "the worker is still there");
    connection.close();
    assertEquals((await within(8000, "another executor", next)).generation, 2);
  };
  await Promise.all([
    ends(() => {}), // silence
    ends((connection) => connection.writeImmediate(0, 0, 0, 0, 0, 0, 0)),
  ]);
  await othersAreServed(cluster);
});
