/** A peer that writes nonsense into the ring: told once, the connection in error, never an exception or a hang. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FabricError } from "../../fabric/errors.ts";
import { Opcode, Status, statusName } from "../../fabric/status.ts";
import { ENTRY_WORDS, POSTED, RECEIVES, STATE } from "../../fabric/shm/layout.ts";
import { forge, type Forged } from "../support/shm_forger.ts";

const RECEIVE = Opcode.RECEIVE;
const IMMEDIATE = Opcode.RECEIVE_WRITE_IMMEDIATE;

/** Everything that the victim is told, ids and names. */
function drain({ victim }: Forged): string[] {
  const told: string[] = [];
  while (victim.poll()) {
    told.push(`${victim.completion.id} ${statusName(victim.completion.status)}`);
    assert(told.length < 100, "there is no end of completions");
  }
  return told;
}

async function expectError(forged: Forged): Promise<void> {
  const { victim, words } = forged;
  assertEquals([victim.state, victim.reason], ["error", "the ring is corrupt"]);
  assert(await victim.wait({ timeoutMs: 1000 }));
  assert(victim.waitSync(1000));
  assert(!victim.poll() && !victim.probe());
  assertEquals(Atomics.load(words, STATE), 1, "the peer is told");
  try {
    victim.postReceive(1, 0, 1);
  } catch (error) {
    assert(error instanceof FabricError);
    return;
  }
  throw new Error("a receive was posted in error");
}

const NONSENSE: Record<string, [number, number, number, number]> = {
  "a sequence of the future": [2, RECEIVE, 1, 0],
  "a sequence of nowhere": [0x55555555, RECEIVE, 1, 0],
  "sequence 0": [0, RECEIVE, 1, 0],
  "a kind of another number": [1, 0x7777, 1, 0],
  "kind 0": [1, 0, 1, 0],
  "a status that no receive has": [1, RECEIVE | (Status.REM_ACCESS_ERR << 16), 1, 0],
  "a negative kind": [1, -1, 1, 0],
  "a length above the one posted": [1, RECEIVE, 17, 0],
  "a negative length": [1, RECEIVE, -1, 0],
  "the greatest length": [1, RECEIVE, 0x7fffffff, 0],
  "an immediate with a negative length": [1, IMMEDIATE, -1, 5],
  "an immediate longer than the arena": [1, IMMEDIATE, 4097, 5],
};

for (const [what, values] of Object.entries(NONSENSE)) {
  Deno.test(`shm: ${what} in the ring is FATAL_ERR once, then all is flushed`, async () => {
    await using forged = await forge();
    forged.victim.postReceive(21, 0, 16);
    forged.victim.postReceive(22, 16, 16);
    forged.entry(0, ...values);
    forged.entry(1, 2, RECEIVE, 1, 0); // a good one behind a bad one is not believed
    assertEquals(drain(forged), ["21 FATAL_ERR", "22 WR_FLUSH_ERR"]);
    await expectError(forged);
  });
}

Deno.test("shm: more messages than receives are FATAL_ERR once, and no wait spins on them", async () => {
  await using forged = await forge();
  forged.victim.postReceive(21, 0, 16);
  for (let i = 0; i < 16; i++) forged.entry(i, i + 1, RECEIVE, 1, 0);
  assertEquals(drain(forged), ["21 SUCCESS", "0 FATAL_ERR"]);
  await expectError(forged);
});

Deno.test("shm: a message where no receive was ever posted is FATAL_ERR", async () => {
  await using forged = await forge();
  forged.entry(0, 1, IMMEDIATE, 0, 9);
  assertEquals(drain(forged), ["0 FATAL_ERR"]);
  await expectError(forged);
});

Deno.test("shm: what the peer overwrites of the posted receives does not fool their owner", async () => {
  await using forged = await forge();
  const { victim, words } = forged;
  victim.postReceive(21, 0, 16);
  words.fill(0x7fffffff, RECEIVES, RECEIVES + 8);
  words[POSTED] = 77;
  forged.entry(0, 1, RECEIVE, 16, 0);
  assertEquals(drain(forged), ["21 SUCCESS"]);
  assertEquals(victim.completion.byteLength, 16);
  forged.entry(1, 2, RECEIVE, 1, 0);
  assertEquals(drain(forged), ["0 FATAL_ERR"]);
});

Deno.test("shm: any words in the ring end in order or in error, never in an exception", async () => {
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
        const told = drain(forged);
        const fatal = told.filter((line) => line.endsWith("FATAL_ERR")).length;
        assertEquals(fatal, forged.victim.state === "error" ? 1 : 0);
        assert(told.length <= receives + 1);
      },
    ),
    { numRuns: 60 },
  );
});
