/** The results, errors and narrowed types of the assertions. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

class PairError extends Error {
  constructor(readonly left: number, readonly right: string) {
    super(`${left} and ${right}`);
  }
}

function isAssertionError(error: unknown): error is Error {
  return error instanceof Error && error.name === "AssertionError";
}

/** Fails unless `run` throws an AssertionError. Uses no assertion that is under test. */
function refused(run: () => unknown, message = ""): void {
  try {
    run();
  } catch (error) {
    if (isAssertionError(error) && error.message.includes(message)) return;
    throw error;
  }
  throw new Error("Cannot continue: the assertion passed");
}

/** The same for an assertion that returns a promise. */
async function refusedLater(run: () => Promise<unknown>, message = ""): Promise<void> {
  const error = await run().then(() => undefined, (error: unknown) => error);
  if (isAssertionError(error) && error.message.includes(message)) return;
  throw error ?? new Error("Cannot continue: the assertion passed");
}

Deno.test("each assertion returns nothing where it holds", () => {
  const results: void[] = [
    assertAlmostEquals(0.1 + 0.2, 0.3),
    assertAlmostEquals(1, 1.5, 0.5),
    assertEquals({ a: [1] }, { a: [1] }),
    assertNotEquals({ a: 1 }, { a: 2 }),
    assertNotStrictEquals({}, {}),
    assertMatch("abc", /b/),
    assertStringIncludes("abc", "b"),
  ];
  if (results.some((result) => result !== undefined)) throw new Error("a result is not undefined");
  assert(1);
  assertStrictEquals(NaN, NaN);
  assertInstanceOf(new PairError(1, "b"), Error);
});

Deno.test("each assertion throws an AssertionError with the caller's message", () => {
  refused(() => assert(0, "m1"), "m1");
  refused(() => assertAlmostEquals(1, 2, 0.5, "m2"), "m2");
  refused(() => assertEquals([1], [2], "m3"), "m3");
  refused(() => assertNotEquals([1], [1], "m4"), "m4");
  refused(() => assertStrictEquals({}, {}, "m5"), "m5");
  refused(() => assertNotStrictEquals(1, 1, "m6"), "m6");
  refused(() => assertMatch("a", /b/, "m7"), "m7");
  refused(() => assertStringIncludes("a", "b", "m8"), "m8");
  refused(() => assertInstanceOf(new Error(), PairError, "m9"), "m9");
  refused(() => assertThrows(() => {}, "m10"), "m10");
  refused(() => assertThrows(() => {}, Error, "", "m11"), "m11");
});

Deno.test("`assertThrows()` returns the error with the type of its class", () => {
  const throws = () => {
    throw new PairError(1, "b");
  };
  const left: number = assertThrows(throws, PairError, "1 and b").left;
  assertEquals(left, 1);
  const unknown: unknown = assertThrows(throws);
  assertInstanceOf(unknown, PairError);
  refused(() => assertThrows(throws, RangeError));
  refused(() => assertThrows(throws, PairError, "2 and b"));
  // @ts-expect-error -- without a class the result is unknown
  assertThrows(throws).left;
});

Deno.test("`assertRejects()` resolves to the error with the type of its class", async () => {
  const rejects = () => Promise.reject(new PairError(1, "b"));
  const right: string = (await assertRejects(rejects, PairError, "1 and b")).right;
  assertEquals(right, "b");
  const unknown: unknown = await assertRejects(rejects);
  assertInstanceOf(unknown, PairError);
  await refusedLater(() => assertRejects(rejects, RangeError));
  await refusedLater(() => assertRejects(rejects, PairError, "2 and b"));
  await refusedLater(() => assertRejects(() => Promise.resolve(), "m"), "m");
  // @ts-expect-error -- a function that returns no promise
  await refusedLater(() => assertRejects(() => 1), "Function throws");
});

Deno.test("the assertions narrow the types of what they check", () => {
  const text: string | undefined = ["a"][0];
  assert(text !== undefined);
  assertEquals(text.length, 1);
  const error: unknown = new PairError(1, "b");
  assertInstanceOf(error, PairError);
  assertEquals(error.left, 1);
  const number: unknown = 1;
  assertStrictEquals(number, 1);
  assertEquals(number.toFixed(), "1");
});

Deno.test("`assertEquals()` compares values of one type", () => {
  // @ts-expect-error -- a number is compared with a text
  refused(() => assertEquals(1, "1"));
  // @ts-expect-error -- a message is a text
  assertEquals(1, 1, 1);
});
