/** What a worker reports of thrown values, and the errors that a client makes of it. */

import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { FunctionError, RfaasError } from "../../../mod.ts";
import { functionError, packageError } from "../../../runtime/call/thrown_error.ts";
import { failureText, writeFailure } from "../../../runtime/executor/worker/failure.ts";
import { MAX_FAILURE_BYTES } from "../../../runtime/protocol/failure.ts";

const SMALLEST_SLOT = 1024;

/** The error of a client whose function threw the value. */
function arrives(thrown: unknown, bytes = MAX_FAILURE_BYTES): FunctionError {
  const buffer = new ArrayBuffer(bytes + 2);
  const length = writeFailure(thrown, buffer, 1, bytes);
  const whole = new Uint8Array(buffer);
  assertEquals([whole[0], whole[bytes + 1]], [0, 0], "bytes beside the report were written");
  return asFunctionError(functionError("f", whole.slice(1, 1 + length), String));
}

function asFunctionError(error: unknown): FunctionError {
  assertInstanceOf(error, FunctionError);
  return error;
}

/** Any text, with zero bytes and lone surrogates. */
const anyText = fc.string({ unit: "binary" }).chain((text) =>
  fc.constantFrom(text, `${text}\0`, `\ud800${text}`, `${text}\udfff\u2028"\\`)
);

Deno.test("`functionError()` has the texts of any error as they were", () => {
  const code = fc.oneof(anyText, fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }));
  fc.assert(fc.property(anyText, anyText, anyText, code, (name, message, stack, code) => {
    const thrown = Object.assign(new Error(message), { name, stack, code });
    const error = arrives(thrown);
    const shownName = name === "" ? "thrown" : name;
    assertEquals(error.message, `f threw ${shownName}: ${message}`);
    assertEquals([error.remoteName, error.remoteStack], [shownName, stack]);
    assertEquals(error.code, code === 0 ? 0 : code); // JSON has no -0
    assertEquals("thrown" in error, false);
  }));
});

Deno.test("`functionError()` has plain data as it was thrown", () => {
  const primitive = fc.oneof(anyText, fc.boolean(), fc.constant(null), fc.integer());
  fc.assert(fc.property(fc.oneof(primitive, fc.dictionary(fc.string(), primitive)), (thrown) => {
    fc.pre(typeof (thrown as { message?: unknown } | null)?.message !== "string");
    const error = arrives(thrown);
    assertEquals(error.remoteName, "thrown");
    assertEquals(JSON.stringify(error.thrown), JSON.stringify(thrown));
  }));
  assertEquals(arrives({ a: undefined, b: [null, { c: -1.5 }] }).thrown, {
    b: [null, { c: -1.5 }],
  });
  const status = arrives({ status: 404, message: "not there", code: "ENOENT" });
  assertEquals(status.message, "f threw thrown: not there");
  assertEquals([status.code, status.thrown], [
    "ENOENT",
    { status: 404, message: "not there", code: "ENOENT" },
  ]);
});

Deno.test("`functionError()` shows values that are no plain data as texts", () => {
  for (
    const [thrown, text] of [
      [undefined, "undefined"],
      [NaN, "NaN"],
      [1n, "1n"],
      [Symbol("s"), "Symbol(s)"],
      [new Map([[1, 2]]), "Map(1) { 1 => 2 }"],
      [() => {}, "[Function (anonymous)]"],
      [{ rows: new Map() }, "{ rows: Map(0) {} }"],
      [{ at: [{ date: new Date(0) }] }, "{ at: [ { date: 1970-01-01T00:00:00.000Z } ] }"],
      [[undefined], "[ undefined ]"],
      [{ ratio: NaN }, "{ ratio: NaN }"],
      [{ retry: () => {} }, "{ retry: [Function: retry] }"],
    ] as const
  ) {
    const error = arrives(thrown);
    assertEquals([error.message, "thrown" in error], [`f threw ${text}`, false]);
  }
});

Deno.test("`functionError()` translates the stacks in the text of a value that is no error", () => {
  const report = new TextEncoder().encode(failureText([new Error("inner")], 4096));
  const error = functionError("f", report, (text) => text.replace("inner", "translated"));
  assertStringIncludes(error.message, "translated");
});

Deno.test("`functionError()` has the chain of causes, and the errors of an AggregateError", () => {
  const first = Object.assign(new RangeError("first"), { code: "E1" });
  const second = new AggregateError([first, "text", { a: 1 }, 5n], "second", { cause: null });
  const error = arrives(new TypeError("third", { cause: second }));
  const cause = error.cause as AggregateError;
  assertInstanceOf(cause, AggregateError);
  assertEquals([cause.name, cause.message, cause.cause], ["AggregateError", "second", null]);
  assertStringIncludes(cause.stack!, "thrown_error_test.ts");
  const [inner, ...values] = cause.errors;
  assertInstanceOf(inner, Error);
  assertEquals([inner.name, inner.message, (inner as unknown as { code: string }).code], [
    "RangeError",
    "first",
    "E1",
  ]);
  assertEquals(values, ["text", { a: 1 }, "5n"]);
  const top = arrives(new AggregateError([first, new Error("other")], "both"));
  assertEquals(top.errors?.map((each) => (each as Error).message), ["first", "other"]);
});

Deno.test("`functionError()` has a cyclic chain of causes, and one without end, cut", () => {
  const cyclic = new Error("a");
  cyclic.cause = new Error("b", { cause: cyclic });
  assertEquals((arrives(cyclic).cause as Error).cause, undefined);
  const depth = (error: unknown): number => error instanceof Error ? 1 + depth(error.cause) : 0;
  const endless = new Error("x");
  Object.defineProperty(endless, "cause", {
    get: () =>
      Object.defineProperty(
        new Error("y"),
        "cause",
        Object.getOwnPropertyDescriptor(endless, "cause")!,
      ),
  });
  assertEquals(depth(arrives(endless)), 32);
});

Deno.test("`functionError()` has the data properties of an error, of its cause and of inner errors", () => {
  const detail = { status: 404, errno: -2, headers: { "retry-after": ["7"] }, expose: true };
  const make = (more?: ErrorOptions) => Object.assign(new Error("m", more), detail);
  const error = arrives(new AggregateError([make()], "all", { cause: make() }));
  assertEquals(Object.entries(error.cause as Error), Object.entries(detail));
  assertEquals(Object.entries(error.errors![0] as Error), Object.entries(detail));
  assertEquals(
    Object.entries(arrives(make())).slice(-4),
    Object.entries(detail),
  );
  class NotFound extends Error {
    readonly statusCode = 404;
    readonly #secret = 5;
    get computed() {
      return this.#secret;
    }
  }
  const own = arrives(new NotFound("m")) as FunctionError & Record<string, unknown>;
  assertEquals([own.statusCode, "computed" in own], [404, false]);
  Object.assign(NotFound.prototype, { status: 404, statusCode: 500 });
  const inherited = arrives(new NotFound("m")) as FunctionError & Record<string, unknown>;
  assertEquals([inherited.status, inherited.statusCode], [404, 404]);
});

Deno.test("`functionError()` leaves out properties that are no data, or that an error has itself", () => {
  const plain = arrives(new Error("m"));
  const thrown = Object.assign(new Error("m"), {
    at: new Date(0),
    rows: new Map(),
    retry: () => {},
    big: 1n,
    ratio: NaN,
    missing: undefined,
    index: 3,
    results: [],
    errors: "no list",
    thrown: 1,
    remoteName: "x",
    remoteStack: "x",
    constructor: 1,
    toString: "x",
  });
  let readings = 0;
  Object.defineProperty(thrown, "status", { enumerable: true, get: () => ++readings });
  Object.defineProperty(thrown, "hidden", { value: 1 });
  Object.defineProperty(thrown, "__proto__", { enumerable: true, value: { polluted: 1 } });
  const error = arrives(thrown);
  assertEquals(Reflect.ownKeys(error), Reflect.ownKeys(plain));
  assertEquals([error.remoteName, readings, "polluted" in error], ["Error", 0, false]);
});

Deno.test("`functionError()` has 32 properties of an error at most, and those that fit", () => {
  const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`p${i}`, i]));
  const kept = (error: Error) => Object.keys(error).filter((name) => /^(p|long)/.test(name));
  const found = kept(arrives(Object.assign(new Error("m"), many)));
  assertEquals([found.length, found.at(-1)], [32, "p31"]);
  const long = { long: "x".repeat(100_000), p: 1, long2: "x".repeat(100) };
  assertEquals(kept(arrives(Object.assign(new Error("m"), long))), ["p", "long2"]);
  const small = arrives(Object.assign(new Error("m"), { p: "x".repeat(2000) }), SMALLEST_SLOT);
  assertEquals([small.message, kept(small)], ["f threw Error: m", []]);
});

Deno.test("`functionError()` survives values whose properties throw or have no text", () => {
  const trap = () => {
    throw new Error("trap");
  };
  const traps = new Proxy({}, { get: trap, getPrototypeOf: trap, ownKeys: trap, has: trap });
  const odd = { message: "m", name: traps, stack: [1], code: traps, errors: traps, cause: traps };
  const error = arrives(Object.assign(new Error(), odd));
  assertEquals([error.remoteName, error.remoteStack], ["a value that cannot be shown", ""]);
  assertEquals([error.message, error.code], ["f threw a value that cannot be shown: m", undefined]);
  for (
    const thrown of [traps, Object.create(null), {
      get message() {
        return trap();
      },
    }]
  ) {
    assertInstanceOf(arrives(thrown), FunctionError);
  }
});

Deno.test("`writeFailure()` cuts long texts so that the report fits, whatever the slot", () => {
  const text = fc.constantFrom("x", "\0", "\ud800", "é", "🎈", '"');
  fc.assert(fc.property(text, fc.integer({ min: SMALLEST_SLOT, max: 5000 }), (unit, bytes) => {
    const long = unit.repeat(100_000);
    const make = (cause?: unknown) =>
      Object.assign(new Error(long, { cause }), { name: long, stack: long, code: long });
    const error = arrives(make(make(make())), bytes);
    assert(error.message.length > 16 && error.message.length < bytes, `${error.message.length}`);
  }));
  const error = arrives(new Error("x".repeat(1e6)));
  assert(error.message.length > 10_000);
});

Deno.test("`functionError()` makes an error of any bytes of a hostile executor", () => {
  const check = (bytes: Uint8Array) => {
    const error = functionError("f", bytes, String);
    assertInstanceOf(error, RfaasError);
    return error;
  };
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void check(bytes)));
  const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  fc.assert(fc.property(fc.jsonValue(), (value) => void check(encode(value))));
  const value = { message: "m" };
  const failure = (thrown: unknown, form = 1) => ({ form, thrown });
  const many = Array.from({ length: 33 }, (_, i) => `"p${i}":1`).join();
  assertInstanceOf(check(encode(failure([value]))), FunctionError);
  for (
    const bad of [
      failure([value], 2),
      failure([]),
      failure([value, value]),
      failure([{ ...value, of: 0, as: "cause" }]),
      failure([value, { ...value, of: 1, as: "cause" }]),
      failure([value, { ...value, of: 0, as: "other" }]),
      failure([{ message: 1 }]),
      failure([{ ...value, value: "{" }]),
      failure([{ ...value, properties: "{" }]),
      failure([{ ...value, properties: "[1]" }]),
      failure([{ ...value, properties: "null" }]),
      failure([{ ...value, properties: { status: 1 } }]),
      failure([{ ...value, properties: `{${many}}` }]),
      failure(Array.from({ length: 33 }, (_, i) => i ? { ...value, of: 0, as: "error" } : value)),
      failure([{ message: "x".repeat(MAX_FAILURE_BYTES) }]),
    ]
  ) {
    const error = check(encode(bad));
    assert(!(error instanceof FunctionError), JSON.stringify(bad).slice(0, 100));
    assertStringIncludes(error.message, "Cannot read what f threw: ");
  }
  const properties = [
    ...["name", "message", "stack", "cause", "code", "errors", "thrown", "index", "results"],
    ...["remoteName", "remoteStack", "constructor", "__proto__", "toString", "hasOwnProperty"],
  ].map((name) => `"${name}":{"polluted":1}`).join();
  const forged = { ...value, name: "Error", properties: `{${properties},"status":5}` };
  const cause = { ...forged, of: 0, as: "cause" };
  const error = check(encode(failure([forged, cause]))) as FunctionError;
  for (const each of [error, error.cause as Error]) {
    assertEquals(each.message.endsWith("m"), true);
    assertEquals("polluted" in each, false);
    assertEquals((each as unknown as { status: number }).status, 5);
    assertInstanceOf(each, Error);
    assertEquals(typeof each.toString(), "string");
  }
  const objects = Object.entries(error).filter(([, value]) => typeof value === "object");
  assertEquals(objects, []);
  assertEquals(Object.keys(error.cause as Error), ["remoteName", "remoteStack", "status"]);
  assertEquals("polluted" in {}, false);
});

Deno.test("`packageError()` has what a package threw as its cause, and names `init`", () => {
  const failure = failureText(new RangeError("no data", { cause: 7 }), 4096);
  const error = packageError({ at: "init", failure }, (stack) => stack.replace("RangeError", "R"));
  assertEquals(
    error.message,
    "Cannot load the function package: init threw RangeError: no data",
  );
  const cause = error.cause as Error;
  assertEquals([cause.name, cause.message, cause.cause], ["RangeError", "no data", 7]);
  assertStringIncludes(cause.stack!, "R: no data\n    at ");
  assertStringIncludes(packageError({ at: "load", failure: "{" }, String).message, "malformed");
});

Deno.test("`packageError()` names the place of a syntax error, and the modules that the bundler cannot join", () => {
  const place = "blob:null/738577fc-7f22-4193-8073-f40bdf5d66a4:17:5";
  const refusal = (message: string) => {
    const failure = failureText(new SyntaxError(message), 4096);
    return packageError({ at: "load", failure }, (text) => text.replace(place, "./b.ts:2:1"));
  };
  const { message, cause } = refusal(`Unexpected reserved word at ${place}`);
  assertStringIncludes(message, "SyntaxError: Unexpected reserved word at ./b.ts:2:1; ");
  assertStringIncludes(message, "import them statically");
  assertEquals((cause as Error).message, "Unexpected reserved word at ./b.ts:2:1");
  assertEquals(
    refusal(`Unexpected token at ${place}`).message,
    "Cannot load the function package: SyntaxError: Unexpected token at ./b.ts:2:1",
  );
});
