/** The errors of functions that throw, from a worker to the app. */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FunctionError, RfaasError } from "../../../mod.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";

const none = new Uint8Array();

Deno.test("a FunctionError has the name, message and stack of any thrown value", async () => {
  const functions = packageOf(`
    class Odd extends Error { name = "Odd"; }
    const trap = () => { throw new Error("trap"); };
    export const error = () => { throw new RangeError("out of it"); };
    export const own = () => { throw new Odd("own class"); };
    export const nul = () => { throw null; };
    export const undef = () => { throw undefined; };
    export const text = () => { throw "a text"; };
    export const number = () => { throw 42; };
    export const big = () => { throw 1n; };
    export const symbol = () => { throw Symbol("sym"); };
    export const getters = () => { throw { get name() { trap(); }, get message() { trap(); }, get stack() { trap(); }, toString: trap, valueOf: trap, [Symbol.toPrimitive]: trap }; };
    export const proxy = () => { throw new Proxy({}, { get: trap, getPrototypeOf: trap, has: trap }); };
    export const objects = () => { throw { name: {}, message: [1, 2], stack: () => 1 }; };
    export const bare = () => { throw Object.create(null); };
    export const rejects = () => Promise.reject(new TypeError("later"));
    export const zero = () => { throw new Error("a\\0b"); };
    export const long = () => { throw new Error("x".repeat(1e6)); };
    export const surrogates = () => { throw new Error("\\ud800 é 🎈"); };
    export const deep = () => deep();
    export const returnsUndefined = () => {};
    export const returnsNaN = () => NaN;
    export const returnsMinus = () => -1;
    export const returnsHalf = () => 1.5;
    export const returnsText = () => "3";
    export const returnsNull = () => null;
    export const returnsBig = () => 3n;
    export const returnsObject = () => ({ valueOf: () => 3 });
    export const returnsInfinity = () => Infinity;
    export const returnsMinusZero = () => -0;
  `);
  await using held = await startLease({ functions, depth: 1, maxBytes: 2048 });
  const { lease } = held;
  const thrown = (name: string) => assertRejects(() => lease.invoke(name, none), FunctionError);
  const textOf = async (name: string) => {
    const { remoteName, message } = await thrown(name);
    return [remoteName, message];
  };
  const error = await thrown("error");
  assertEquals([error.remoteName, error.message], [
    "RangeError",
    "error threw RangeError: out of it",
  ]);
  assertMatch(
    error.remoteStack,
    /^RangeError: out of it\n {4}at error \(file:\/\/\/package\/functions.js:4:40\)$/,
  );
  assertInstanceOf(error, RfaasError);
  assertEquals(error.name, "FunctionError");
  assertEquals(await textOf("own"), ["Odd", "own threw Odd: own class"]);
  assertEquals(await textOf("nul"), ["thrown", "nul threw null"]);
  assertEquals(await textOf("undef"), ["thrown", "undef threw undefined"]);
  assertEquals(await textOf("text"), ["thrown", 'text threw "a text"']);
  assertEquals(await textOf("number"), ["thrown", "number threw 42"]);
  assertEquals(await textOf("big"), ["thrown", "big threw 1n"]);
  assertEquals(await textOf("symbol"), ["thrown", "symbol threw Symbol(sym)"]);
  assertEquals(await textOf("getters"), [
    "thrown",
    "getters threw { name: [Getter], message: [Getter], stack: [Getter], toString: [Function: trap], valueOf: [Function: trap], Symbol(Symbol.toPrimitive): [Function: trap] }",
  ]);
  assertEquals(await textOf("proxy"), [
    "thrown",
    "proxy threw {}",
  ]);
  assertEquals(await textOf("bare"), ["thrown", "bare threw [Object: null prototype] {}"]);
  assertStringIncludes(
    (await textOf("objects"))[1]!,
    "objects threw { name: {}, message: [ 1, 2 ]",
  );
  assertEquals(await textOf("rejects"), ["TypeError", "rejects threw TypeError: later"]);
  assertEquals((await textOf("zero"))[1], "zero threw Error: a\0b");
  const long = await thrown("long");
  assert(long.message.length > 1000 && long.message.length < 2100, `${long.message.length}`);
  assertEquals((await textOf("surrogates"))[1], "surrogates threw Error: \ud800 é 🎈");
  assertEquals((await textOf("deep"))[0], "RangeError");
  for (
    const [name, kind] of Object.entries({
      returnsUndefined: "undefined",
      returnsNaN: "NaN",
      returnsMinus: "-1",
      returnsHalf: "1.5",
      returnsText: "string",
      returnsNull: "null",
      returnsBig: "bigint",
      returnsObject: "object",
    })
  ) {
    assertEquals(await textOf(name), [
      "TypeError",
      `${name} threw TypeError: Cannot use the function's result: expected the number of bytes written, got ${kind}`,
    ]);
  }
  await assertRejects(() => lease.invoke("returnsInfinity", none), RfaasError);
  assertEquals((await lease.invoke("returnsMinusZero", none)).length, 0);
  using call = lease.prepare("getters");
  assertThrows(() => call.invokeSync(0), FunctionError);
});

Deno.test("a FunctionError is complete even if the package replaced what the worker calls", async () => {
  const functions = packageOf(`
    const stolen = [];
    const steal = function () { stolen[stolen.length] = this; throw new Error("stolen"); };
    for (const [holder, names] of [
      [JSON, ["stringify"]], [Deno, ["inspect"]], [Array, ["isArray"]], [Error, ["isError"]],
      [Number, ["isFinite"]], [Object, ["getPrototypeOf", "setPrototypeOf", "keys"]],
      [String.prototype, ["slice", "indexOf", "lastIndexOf"]], [Array.prototype, ["push"]],
      [TextEncoder.prototype, ["encode", "encodeInto"]],
    ]) for (const name of names) holder[name] = steal;
    globalThis.String = globalThis.Uint8Array = steal;
    export const fails = () => { throw new RangeError("mine", { cause: { code: 7 } }); };
    export const value = () => {
      Object.prototype.toJSON = Array.prototype.toJSON = String.prototype.toJSON = steal;
      throw { list: [1, "a"] };
    };
    export const count = (_, output) => (output[0] = stolen.length, 1);
  `);
  await using held = await startLease({ functions });
  const thrown = (name: string) =>
    assertRejects(() => held.lease.invoke(name, none), FunctionError);
  const { message, remoteStack, cause } = await thrown("fails");
  assertEquals(message, "fails threw RangeError: mine");
  assertMatch(remoteStack, /\n {4}at fails \(file:\/\/\/package\/functions\.js:/);
  assertEquals(cause, { code: 7 });
  const value = await thrown("value");
  assertEquals(value.message, 'value threw { list: [ 1, "a" ] }');
  assertEquals(value.thrown, { list: [1, "a"] });
  assertEquals(await held.lease.invoke("count", none), Uint8Array.of(0), "no replacement ran");
});
