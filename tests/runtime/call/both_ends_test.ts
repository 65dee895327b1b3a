/** Client and worker in one thread, in any order of their steps: over lines and over messages. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type OneThread, openOneThread } from "../../../bench/floors/one_thread.ts";
import { ShmConnection } from "../../../fabric/shm/connection.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import {
  CallStatus,
  replyImmediate,
  replyStatus,
  requestFunction,
  requestHasSequence,
  SHORT_REQUEST,
} from "../../../runtime/protocol/wire.ts";
import { INLINE_BYTES } from "../../../runtime/protocol/line.ts";
import { withoutSharing } from "../../support/fabric/without_sharing.ts";
import { until } from "../../support/waiting.ts";

const DEPTH = 8;
const functions = {
  /** Returns the argument backwards. */
  reverse: (input: Uint8Array, output: Uint8Array) => {
    for (let i = 0; i < input.length; i++) output[i] = input[input.length - 1 - i]!;
    return input.length;
  },
};
/** Polls after which a worker has seen every request. */
const SEEN_BY = 64;
const messages = () => withoutSharing(openShm());

/** Arguments in the line, at its limit, beyond it, and of the longest kind. */
const lengths = fc.constantFrom(0, 1, 64, 111, 112, 113, 200);
const steps = fc.array(fc.record({ slot: fc.nat(DEPTH - 1), length: lengths, serves: fc.nat(3) }), {
  maxLength: 60,
});

for (const [name, openFabric] of [["lines", openShm], ["messages", messages]] as const) {
  for (const firstSequence of [0, 2 ** 31 - 20, 2 ** 32 - 20]) {
    Deno.test(`each call gets its own result over ${name}, from sequence number ${firstSequence} on`, async () => {
      await using ends = await openOneThread({
        depth: DEPTH,
        maxBytes: 200,
        functions,
        firstSequence,
        openFabric,
      });
      const calls = Array.from(
        { length: DEPTH },
        (_, i) => ends.prepare("reverse", [INLINE_BYTES, 200][i % 2]!),
      );
      let count = 0;
      fc.assert(
        fc.property(steps, (all) => {
          const pending = new Map<number, Uint8Array>();
          const finish = (slot: number) => {
            for (let polls = 0; polls < SEEN_BY; polls++) ends.server.serveNext();
            const sent = pending.get(slot)!;
            pending.delete(slot);
            assertEquals(calls[slot]!.finish(), sent.length);
            assertEquals(calls[slot]!.output.slice(0, sent.length), sent.toReversed());
          };
          for (const { slot, length, serves } of all) {
            const call = calls[slot]!;
            if (pending.has(slot)) finish(slot);
            const sent = Uint8Array.from(
              { length: Math.min(length, call.input.length) },
              () => count++,
            );
            call.input.set(sent);
            call.start(sent.length, count % 3 === 0 ? { deadlineMs: count } : undefined);
            pending.set(slot, sent);
            for (let i = 0; i < serves; i++) {
              ends.server.serveNext();
            }
          }
          for (const slot of [...pending.keys()]) finish(slot);
          assert(!ends.server.serveNext() && !ends.session.poll());
          assertEquals(ends.session.outstanding, 0);
        }),
        { numRuns: 100 },
      );
      for (const call of calls) call.close();
    });
  }
}

for (const [name, openFabric] of [["lines", openShm], ["messages", messages]] as const) {
  Deno.test(`requests are served in the order in which they were posted, over ${name}`, async () => {
    const served: number[] = [];
    const note = (input: Uint8Array) => {
      served.push(input[0]!);
      return 0;
    };
    await using ends = await openOneThread({
      depth: DEPTH,
      maxBytes: 64,
      functions: { note },
      openFabric,
    });
    const calls = Array.from({ length: DEPTH }, () => ends.prepare("note", 1));
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6, 7], { minLength: 1 });
    fc.assert(fc.property(order, fc.nat(40), (slots, idle) => {
      served.length = 0;
      ends.server.look(); // from here on it polls the lowest slots only
      for (let polls = 0; polls < idle; polls++) ends.server.serveNext();
      for (const slot of slots) {
        calls[slot]!.input[0] = slot;
        calls[slot]!.start(1);
      }
      for (let polls = 0; polls < SEEN_BY; polls++) ends.server.serveNext();
      for (const slot of slots) calls[slot]!.finish();
      assertEquals(served, slots);
    }));
    for (const call of calls) call.close();
  });
}

for (const [name, openFabric] of [["lines", openShm], ["messages", messages]] as const) {
  Deno.test(`a call that is given up leaves its slot, and its function touches no later call, over ${name}`, async () => {
    const settle: ((length: number) => void)[] = [];
    const views: Uint8Array[] = [];
    const later = (input: Uint8Array, output: Uint8Array) => {
      views.push(input, output);
      return new Promise<number>((resolve) => settle.push(resolve));
    };
    await using ends = await openOneThread({
      depth: 1,
      maxBytes: 200,
      functions: { later, ...functions },
      openFabric,
    });
    const { server, session } = ends;
    const serve = () => {
      for (let polls = 0; polls < SEEN_BY; polls++) server.serveNext();
    };
    let atMs = 0;
    for (const length of [8, 200]) {
      const late = ends.prepare("later", length);
      late.start(length);
      serve();
      server.endGivenUp(atMs += 10);
      assertEquals(session.freeSlots, 0, "it was not given up yet");
      late.close();
      server.endGivenUp(atMs += 10);
      assert(session.poll());
      assertEquals([session.freeSlots, server.pending], [1, 1]);
      assertEquals(views.splice(0).map(({ length }) => length), [0, 0]);
      using call = ends.prepare("reverse", length);
      call.input.fill(7);
      call.start(length);
      settle.pop()!(3); // while the next call is in the slot
      await Promise.resolve();
      serve();
      assertEquals(call.finish(), length);
      assertEquals(call.output, new Uint8Array(length).fill(7));
      await until(() => server.pending === 0, () => "the function has settled");
      serve();
      assert(!session.poll());
      assertEquals(session.outstanding, 0);
    }
  });
}

/** Sends a message in place of a request, and returns the reply's immediate. */
function exchange({ session, server }: OneThread, immediate: number, length = 0): number {
  const { connection } = session;
  connection.writeImmediate(0, 0, length, 0, 0, immediate, 0);
  server.serveNext();
  assert(connection.poll());
  const { opcode, status } = connection.completion;
  assertEquals([opcode, status], [Opcode.RECEIVE_WRITE_IMMEDIATE, Status.SUCCESS]);
  connection.postReceives(1);
  return connection.completion.immediate;
}

Deno.test("an argument in the line may not exceed `maxBytes` either", async () => {
  await using ends = await openOneThread({ depth: 1, maxBytes: 8, functions });
  const { session, server } = ends;
  const slot = session.acquire()!;
  for (const [bytes, status] of [[8, CallStatus.OK], [9, CallStatus.BAD_REQUEST]] as const) {
    slot.inputFor(8); // in the line
    session.post(slot, 0, bytes, 0, 8);
    assert(server.serveNext() && session.poll());
    assertEquals(slot.status, status);
  }
  session.release(slot);
});

Deno.test("each end settles its signals at its next empty poll, a worker at its next look too, and not again", async () => {
  const original = { ...pick(ShmConnection.prototype) };
  let log: string[] = [];
  const logged = () => log.splice(0);
  ShmConnection.prototype.signal = function (words, at, value) {
    log.push("signal");
    original.signal.call(this, words, at, value);
  };
  ShmConnection.prototype.settle = function () {
    log.push("settle");
    original.settle.call(this);
  };
  try {
    await using ends = await openOneThread({ depth: 2, maxBytes: 200, functions });
    const { session, server } = ends;
    const calls = [ends.prepare("reverse", 8), ends.prepare("reverse", 200)];
    log = [];
    for (const call of calls) call.start();
    assertEquals(logged(), ["signal", "signal"]);
    for (let i = 0; i < 3; i++) assert(!session.poll());
    assertEquals(logged(), ["settle"]);
    assert(server.serveNext() && server.serveNext());
    assertEquals(logged(), ["signal", "signal"]);
    for (let i = 0; i < 3; i++) assert(!server.serveNext());
    assertEquals(logged(), ["settle"]);
    for (const call of calls) call.finish();
    calls[0]!.start();
    assert(server.serveNext());
    for (let i = 0; i < 3; i++) server.look();
    assertEquals(logged(), ["signal", "signal", "settle"]);
    calls[0]!.finish();
    for (const call of calls) call.close();
  } finally {
    Object.assign(ShmConnection.prototype, original);
  }
});

function pick({ signal, settle }: ShmConnection) {
  return { signal, settle };
}

Deno.test("a worker finds a request in any slot within as many polls as there are slots", async () => {
  const depth = 64;
  await using ends = await openOneThread({ depth, maxBytes: 8, functions });
  const calls = Array.from({ length: depth }, () => ends.prepare("reverse", 8));
  for (const call of calls.toReversed()) {
    for (let i = 0; i < 2; i++) ends.server.look(); // no slot had a request of late
    call.start(8);
    let polls = 1;
    while (!ends.server.serveNext()) assert(++polls <= depth, "not found");
    call.finish();
  }
});

Deno.test("a message with a forged slot, function or sequence number is refused, and the next call is served", async () => {
  await using ends = await openOneThread({
    depth: 2,
    maxBytes: 64,
    functions,
    openFabric: messages,
  });
  using call = ends.prepare("reverse", 64);
  const echo = () => {
    call.input.fill(7);
    call.start(3);
    assert(ends.server.serveNext());
    assertEquals(call.finish(), 3);
  };
  echo();
  const refused = (immediate: number) => {
    const reply = exchange(ends, immediate);
    assertEquals(replyStatus(reply), CallStatus.BAD_REQUEST);
    assertEquals(reply, replyImmediate(immediate & 255, CallStatus.BAD_REQUEST));
  };
  // No argument was sent: a request whose fields hold by chance would run with the header of the slot's last call.
  fc.assert(
    fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (immediate) => {
      const slot = immediate & 255;
      const next = slot < 2 ? (ends.server.sequenceOf(slot) + 1) | 0 : 0;
      const high = immediate >>> 24;
      const holds = slot < 2 &&
        (high === 0 || (immediate & SHORT_REQUEST) !== 0 && requestHasSequence(immediate, next));
      fc.pre(!holds);
      refused(immediate);
    }),
    { numRuns: 300 },
  );
  for (const slot of [2, 3, 127, 128, 255]) refused(slot);
  const sequence = ends.server.sequenceOf(0);
  for (const off of [0, 2, 64, 127]) refused((SHORT_REQUEST | ((sequence + off) & 0x7f) << 24) | 0);
  assertEquals(requestFunction(0xffff << 8), 0xffff);
  echo();
});
