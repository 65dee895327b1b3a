/** Arbitrary sequences of posts, sends and polls at both ends, compared with a model of two queues. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../../fabric/errors.ts";
import type { Connection } from "../../../fabric/fabric.ts";
import { Opcode, Status } from "../../../fabric/status.ts";
import { openShm } from "../../../fabric/shm/provider.ts";
import { connectPair, type Pair } from "../conformance/pair.ts";

/** Bytes of a buffer. The arena has 64 buffers for receives, then one to send from. */
const BUFFER_BYTES = 64;
const SEND_OFFSET = 64 * BUFFER_BYTES;
const DEPTH = 16;

type Step =
  | { do: "post"; length: number }
  | { do: "posts"; count: number }
  | { do: "send"; length: number; signaled: boolean }
  | { do: "immediate"; value: number; signaled: boolean }
  | { do: "poll" };
type Action = { at: 0 | 1; step: Step };

/** The expected state of one end. */
interface Model {
  /** Receives posted and not yet taken by a message. */
  readonly receives: { id: number; length: number }[];
  /** Receives that poll must report, in order. */
  readonly arrived: { id: number; opcode: number; byteLength: number; immediate: number }[];
  readonly requests: { id: number; opcode: number }[];
  nextId: number;
}

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("post" as const),
    length: fc.integer({ min: 0, max: BUFFER_BYTES }),
  }),
  fc.record({ do: fc.constant("posts" as const), count: fc.integer({ min: 0, max: 4 }) }),
  fc.record({
    do: fc.constant("send" as const),
    length: fc.integer({ min: 0, max: BUFFER_BYTES }),
    signaled: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("immediate" as const),
    value: fc.integer(),
    signaled: fc.boolean(),
  }),
  fc.record({ do: fc.constant("poll" as const) }),
);
const actions = fc.array(
  fc.record({ at: fc.constantFrom(0 as const, 1 as const), step }),
  { minLength: 20, maxLength: 300 },
);

function isFull(call: () => void): boolean {
  try {
    call();
    return false;
  } catch (error) {
    assert(error instanceof FabricError && (error as FabricError).code === "full", String(error));
    return true;
  }
}

function post(end: Connection, model: Model, length: number): void {
  const id = ++model.nextId;
  const full = isFull(() => end.postReceive(id, (id % 64) * BUFFER_BYTES, length));
  assertEquals(full, model.receives.length + model.arrived.length >= DEPTH);
  if (!full) model.receives.push({ id, length });
}

function posts(end: Connection, model: Model, count: number): void {
  const free = DEPTH - model.receives.length - model.arrived.length;
  assertEquals(isFull(() => end.postReceives(count)), count > free);
  for (let i = 0; i < Math.min(count, free); i++) model.receives.push({ id: 0, length: 0 });
}

function message(end: Connection, mine: Model, peer: Model, step: Step): void {
  const next = peer.receives[0];
  if (!next || step.do === "post" || step.do === "posts" || step.do === "poll") return;
  if (step.do === "send" && step.length > next.length) return; // another test covers its failure
  const id = ++mine.nextId;
  const flags = step.signaled ? 2 : 0;
  const isSend = step.do === "send";
  const full = isFull(() => {
    if (isSend) {
      new Uint8Array(end.buffer(SEND_OFFSET, BUFFER_BYTES)).fill(id & 0xff);
      end.send(id, SEND_OFFSET, step.length, flags);
    } else end.writeImmediate(id, 0, 0, 0, 0, step.value, flags);
  });
  assertEquals(full, step.signaled && mine.requests.length >= DEPTH);
  if (full) return;
  if (step.signaled) mine.requests.push({ id, opcode: isSend ? Opcode.SEND : Opcode.WRITE });
  peer.receives.shift();
  peer.arrived.push({
    id: next.id,
    opcode: isSend ? Opcode.RECEIVE : Opcode.RECEIVE_WRITE_IMMEDIATE,
    byteLength: isSend ? step.length : 0,
    immediate: isSend ? 0 : step.value,
  });
}

function poll(end: Connection, model: Model): void {
  const request = model.requests.shift();
  const expected = request ? { ...request, byteLength: 0, immediate: 0 } : model.arrived.shift();
  assertEquals(end.poll(), expected !== undefined);
  if (expected) assertEquals(end.completion, { ...expected, status: Status.SUCCESS });
}

function run({ a, b }: Pair, actions: Action[]): void {
  const ends = [a, b] as const;
  const fresh = (): Model => ({ receives: [], arrived: [], requests: [], nextId: 0 });
  const models = [fresh(), fresh()] as const;
  for (const { at, step } of actions) {
    const [end, mine, peer] = [ends[at], models[at], models[1 - at]!];
    if (step.do === "post") post(end, mine, step.length);
    else if (step.do === "posts") posts(end, mine, step.count);
    else if (step.do === "poll") poll(end, mine);
    else message(end, mine, peer, step);
  }
  a.disconnect();
  b.disconnect();
  ends.forEach((end, i) => {
    const model = models[i]!;
    while (model.requests.length + model.arrived.length > 0) poll(end, model);
    for (const { id } of model.receives) {
      assert(end.poll());
      assertEquals([end.completion.id, end.completion.status], [id, Status.WR_FLUSH_ERR]);
    }
    assert(!end.poll());
  });
}

for (const firstSequence of [0, 2 ** 32 - 20]) {
  Deno.test(`shm: posts, sends and polls agree with the model, from sequence ${firstSequence}`, async () => {
    await fc.assert(
      fc.asyncProperty(actions, async (actions) => {
        const depths = { receiveDepth: DEPTH, sendDepth: DEPTH };
        await using pair = await connectPair(() => openShm({ firstSequence }), {
          a: depths,
          b: depths,
        });
        run(pair, actions);
      }),
      { numRuns: 60 },
    );
  });
}
