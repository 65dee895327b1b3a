/** A peer that writes garbage into the ring causes one FATAL_ERR and an ended connection, never an exception or a hang. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../../fabric/errors.ts";
import { Opcode, Status, statusName } from "../../../fabric/status.ts";
import {
  ENTRY_WORDS,
  POSTED_INDEX,
  RECEIVES_INDEX,
  STATE_INDEX,
} from "../../../fabric/shm/layout.ts";
import { forge, type Forged } from "../../support/fabric/shm_forger.ts";

const RECEIVE = Opcode.RECEIVE;
const IMMEDIATE = Opcode.RECEIVE_WRITE_IMMEDIATE;

/** All completions of the victim, as ids and names. */
function drain({ victim }: Forged): string[] {
  const taken: string[] = [];
  while (victim.poll()) {
    taken.push(`${victim.completion.id} ${statusName(victim.completion.status)}`);
    assert(taken.length < 100, "more than 100 completions");
  }
  return taken;
}

async function expectError(forged: Forged): Promise<void> {
  const { victim, words } = forged;
  assertEquals([victim.state, victim.reason], ["error", "the ring is corrupt"]);
  assert(await victim.wait({ timeoutMs: 1000 }));
  assert(victim.waitSync(1000));
  assert(!victim.poll() && !victim.probe());
  assertEquals(Atomics.load(words, STATE_INDEX), 1, "the state that the peer reads");
  try {
    victim.postReceive(1, 0, 1);
  } catch (error) {
    assert(error instanceof FabricError);
    return;
  }
  throw new Error("a receive was posted to a failed connection");
}

const GARBAGE: Record<string, [number, number, number, number]> = {
  "a sequence of a later message": [2, RECEIVE, 1, 0],
  "an arbitrary sequence": [0x55555555, RECEIVE, 1, 0],
  "sequence 0": [0, RECEIVE, 1, 0],
  "an unknown kind": [1, 0x7777, 1, 0],
  "kind 0": [1, 0, 1, 0],
  "a status that no receive has": [1, RECEIVE | (Status.REM_ACCESS_ERR << 16), 1, 0],
  "a negative kind": [1, -1, 1, 0],
  "a length above the one posted": [1, RECEIVE, 17, 0],
  "a negative length": [1, RECEIVE, -1, 0],
  "the greatest length": [1, RECEIVE, 0x7fffffff, 0],
  "an immediate with a negative length": [1, IMMEDIATE, -1, 5],
  "an immediate longer than the arena": [1, IMMEDIATE, 4097, 5],
};

for (const [what, values] of Object.entries(GARBAGE)) {
  Deno.test(`shm: ${what} in the ring causes FATAL_ERR once, then flushed receives`, async () => {
    await using forged = await forge();
    forged.victim.postReceive(21, 0, 16);
    forged.victim.postReceive(22, 16, 16);
    forged.entry(0, ...values);
    forged.entry(1, 2, RECEIVE, 1, 0); // a valid entry after an invalid one is not read
    assertEquals(drain(forged), ["21 FATAL_ERR", "22 WR_FLUSH_ERR"]);
    await expectError(forged);
  });
}

Deno.test("shm: more messages than receives cause FATAL_ERR once, and waits end", async () => {
  await using forged = await forge();
  forged.victim.postReceive(21, 0, 16);
  for (let i = 0; i < 16; i++) forged.entry(i, i + 1, RECEIVE, 1, 0);
  assertEquals(drain(forged), ["21 SUCCESS", "0 FATAL_ERR"]);
  await expectError(forged);
});

Deno.test("shm: a message without any receive causes FATAL_ERR", async () => {
  await using forged = await forge();
  forged.entry(0, 1, IMMEDIATE, 0, 9);
  assertEquals(drain(forged), ["0 FATAL_ERR"]);
  await expectError(forged);
});

Deno.test("shm: the owner ignores receives that the peer has overwritten", async () => {
  await using forged = await forge();
  const { victim, words } = forged;
  victim.postReceive(21, 0, 16);
  words.fill(0x7fffffff, RECEIVES_INDEX, RECEIVES_INDEX + 8);
  words[POSTED_INDEX] = 77;
  forged.entry(0, 1, RECEIVE, 16, 0);
  assertEquals(drain(forged), ["21 SUCCESS"]);
  assertEquals(victim.completion.byteLength, 16);
  forged.entry(1, 2, RECEIVE, 1, 0);
  assertEquals(drain(forged), ["0 FATAL_ERR"]);
});

Deno.test("shm: arbitrary words in the ring never cause an exception", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(fc.integer(), fc.constantFrom(0, 1, 2, 3, RECEIVE, IMMEDIATE, -15, -14)),
        { minLength: 8, maxLength: 16 * ENTRY_WORDS },
      ),
      fc.nat(4),
      async (words, receives) => {
        await using forged = await forge();
        for (let i = 0; i < receives; i++) forged.victim.postReceive(i, 16 * i, 16);
        forged.words.set(words, forged.start);
        const taken = drain(forged);
        const fatal = taken.filter((line) => line.endsWith("FATAL_ERR")).length;
        assertEquals(fatal, forged.victim.state === "error" ? 1 : 0);
        assert(taken.length <= receives + 1);
      },
    ),
    { numRuns: 60 },
  );
});
