/** Attacks on a worker by a client that has attached to it, and by clients that have not. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection } from "../../../fabric/fabric.ts";
import { AttachRefusal, encodeAttach } from "../../../runtime/protocol/attach.ts";
import {
  HEAD_MASK,
  INLINE,
  INLINE_AT,
  INLINE_BYTES,
  LINE_HEAD,
  LINE_SEQUENCE,
} from "../../../runtime/protocol/line.ts";
import {
  CallStatus,
  END_STREAM,
  MESSAGE_BYTES,
  NEXT_CHUNK,
} from "../../../runtime/protocol/wire.ts";
import {
  attachRaw,
  dial,
  LAYOUT,
  MAX_BYTES,
  secretOf,
  takeRawLease,
} from "../../support/cluster/raw_lease.ts";
import { type Cluster, startCluster } from "../../support/cluster/cluster.ts";
import { within } from "../../support/waiting.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";

/** Checks that the node serves another client. */
async function othersAreServed(cluster: Cluster): Promise<void> {
  const client = await cluster.connect();
  const lease = await client.lease({ functions: await functionsPackage() });
  assertEquals(await lease.invoke("echo", Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  await client.close();
}

Deno.test("a worker refuses forged functions and flags with an error status, and goes on", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { statusOf, echo, ready } = attached;
  await echo(0);
  for (const flags of [0x20000, 0x01000000, 0x7f000000, -1, 0x80000000 | 0]) { // bits that must be zero
    assertEquals(await statusOf(0, { head: flags }), CallStatus.BAD_REQUEST);
  }
  for (const index of [ready.functions.length, 255, 256, 0xffff]) {
    assertEquals(await statusOf(0, { head: index }), CallStatus.UNKNOWN_FUNCTION);
  }
  await echo(0);
  await echo(1);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), async (head) => {
      const flagged = (head & ~HEAD_MASK) !== 0;
      fc.pre(flagged || (head & 0xffff) >= ready.functions.length);
      const expected = flagged ? CallStatus.BAD_REQUEST : CallStatus.UNKNOWN_FUNCTION;
      assertEquals(await statusOf(head & 1, { head }), expected);
    }),
    { numRuns: 300 },
  );
  await echo(0);
  await echo(1);
});

Deno.test("an open stream accepts requests for its next chunk or its end, one at a time, and no others", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, statusOf, echo, index, inputs } = attached;
  const parts = { head: index("parts"), length: 2, capacity: 1 };
  assertEquals(await statusOf(0, parts), CallStatus.MORE);
  for (const other of [index("echo"), index("parts"), 0xfffd, 0x8000]) {
    assertEquals(await statusOf(0, { head: other }), CallStatus.BAD_REQUEST);
    assertEquals(await statusOf(0, { head: NEXT_CHUNK }), CallStatus.MORE); // the stream goes on
  }
  // The lengths are those of the first request; those of later ones are ignored.
  for (const length of [-1, 2 ** 31 - 1, MAX_BYTES + 1]) {
    const status = await statusOf(0, { head: NEXT_CHUNK, length, capacity: length });
    assertEquals(status, CallStatus.MORE);
  }
  await echo(1);
  assertEquals(await statusOf(0, { head: END_STREAM }), CallStatus.OK);
  for (const after of [END_STREAM, NEXT_CHUNK]) {
    assertEquals(await statusOf(0, { head: after }), CallStatus.UNKNOWN_FUNCTION);
  }
  await echo(0);
  // A request that comes while a chunk is computed is served after it.
  inputs[0]!.set([1, 100, 1]);
  const later = { head: index("partsLater"), length: 3, capacity: 1 };
  assertEquals(await statusOf(0, later), CallStatus.MORE);
  post(0, { head: NEXT_CHUNK });
  await echo(1); // by its reply, the worker has taken the request before it
  post(0, { head: NEXT_CHUNK });
  assertEquals((await reply(0)).status, CallStatus.MORE, "the last of three chunks");
  assertEquals(await statusOf(0, { head: NEXT_CHUNK }), CallStatus.OK);
  await echo(0);
  assertEquals(await statusOf(0, parts), CallStatus.MORE); // left open when the client goes
  await othersAreServed(cluster);
});

Deno.test("a worker accepts valid lengths, capacities and sequence numbers only", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, statusOf, echo, sequences, index } = attached;
  const head = index("echo");
  await echo(0);
  for (const bad of [-1, MAX_BYTES + 1, 2 ** 31 - 1, -(2 ** 31), 1024, -16]) {
    for (const lengths of [{ length: bad }, { length: 10, capacity: bad }]) {
      post(0, { head, ...lengths });
      const sequence = sequences[0]!;
      assertEquals(await reply(0), { status: CallStatus.BAD_REQUEST, length: 0, sequence });
    }
  }
  for (const length of [INLINE_BYTES + 1, MAX_BYTES, -1]) { // too long for the line
    assertEquals(await statusOf(0, { head: head | INLINE, length }), CallStatus.BAD_REQUEST);
  }
  for (
    const [length, capacity] of [[0, 0], [0, MAX_BYTES], [MAX_BYTES, MAX_BYTES], [1, 1]] as const
  ) {
    post(0, { head, length, capacity });
    assertEquals(await reply(0), { status: CallStatus.OK, length, sequence: sequences[0]! });
  }
  // A repeated, skipped or far number is no request, and the expected one stays valid.
  for (const off of [0, 2, -1, 2 ** 16, 2 ** 31 - 1, -(2 ** 31)]) {
    post(0, { head, sequence: (sequences[0]! + off) | 0 });
    await echo(1);
    assertEquals((await reply(0)).sequence, sequences[0], "no other reply has come");
  }
  await echo(0);
  // A time left of 2^32 - 1 microseconds is more than an hour, not a negative number.
  assertEquals(
    await statusOf(0, { head: index("later"), timeLeft: -1, capacity: 1 }),
    CallStatus.OK,
  );
  await echo(1);
});

Deno.test("short arguments and results are in the line, each on its own", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { connection, lines, inputs, outputs, post, reply, index } = attached;
  const lineInput = new Uint8Array(lines.buffer, INLINE_AT, INLINE_BYTES);
  const lineOutput = new Uint8Array(connection.buffer(LAYOUT.linesAt + INLINE_AT, INLINE_BYTES));
  for (const length of [0, 1, INLINE_BYTES]) {
    for (const inlined of [true, false]) {
      for (const capacity of [INLINE_BYTES, MAX_BYTES]) {
        const [from, to] = [
          inlined ? lineInput : inputs[0]!,
          capacity > INLINE_BYTES ? outputs[0]! : lineOutput,
        ];
        for (const bytes of [lineInput, inputs[0]!, lineOutput, outputs[0]!]) bytes.fill(0);
        from.fill(length + 1);
        post(0, { head: index("echo") | (inlined ? INLINE : 0), length, capacity });
        const { status } = await reply(0);
        assertEquals([status, to.slice(0, length)], [CallStatus.OK, from.slice(0, length)]);
      }
    }
  }
});

Deno.test("a worker takes no second call into a busy slot, and reads a line once", async () => {
  await using cluster = await startCluster();
  await using raw = await takeRawLease(cluster);
  using attached = await attachRaw(raw);
  const { post, reply, echo, sequences, index, inputs, lines } = attached;
  await echo(0);
  inputs[0]!.fill(150);
  post(0, { head: index("later"), capacity: 5 });
  await echo(1); // requests are served in order, so this reply shows that the first one was taken
  post(0, { head: index("echo"), length: MAX_BYTES });
  await echo(1); // the other slot is served meanwhile
  const sequence = sequences[0]!;
  // The second call is served when the first one is over.
  assertEquals(await reply(0), { status: CallStatus.OK, length: MAX_BYTES, sequence });
  // The line is rewritten while the function runs: its view keeps the length that was checked.
  inputs[0]!.fill(20);
  post(0, { head: index("hold"), length: 3, capacity: 5 });
  const held = sequences[0]!;
  while (Atomics.load(lines, LINE_SEQUENCE) !== held);
  lines.set([-1, 2 ** 31 - 1, 1], LINE_HEAD);
  const answer = await reply(0);
  const read = answer.status === CallStatus.OK && answer.length === 3;
  assert(read || answer.status === CallStatus.BAD_REQUEST, `${JSON.stringify(answer)}`);
  await echo(0);
});

Deno.test("a client that sends messages in place of calls is disconnected, and the node serves other clients", async () => {
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
  assert(connection.state !== "connected");
  await within(10_000, "the others", othersAreServed(cluster));
});

Deno.test("a worker rejects attach data without its secret, each fault by its code, and then accepts its client", async () => {
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
  // A worker has one client: it accepts no second one, not even with the secret.
  await assertRejects(() => dial(raw, good), FabricError);
  await attached.echo(1);
});

const BAD_ATTACHES = [
  ["malformed JSON", "{"],
  ["null", "null"],
  ["a list", "[]"],
  ["a text", '"attach"'],
  ["no address", '{"rkey":1,"depth":2,"maxBytes":100,"firstSequence":0}'],
  ["another depth", '{"address":4096,"rkey":1,"depth":256,"maxBytes":100,"firstSequence":0}'],
  ["another maxBytes", '{"address":4096,"rkey":1,"depth":2,"maxBytes":1e9,"firstSequence":0}'],
  [
    "an address that is too large",
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

Deno.test("a worker ends when its client's attach message is invalid, and the lease gets another executor", async () => {
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

Deno.test("a worker ends when its client sends no attach message, or a call before it, and the node goes on", async () => {
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
