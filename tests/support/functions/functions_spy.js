// A package that patches every intrinsic it can reach and keeps the values that the runtime then passes to it.
//
// `report` writes as JSON which of these belong to the runtime: a port, a buffer larger than a slot, an object of one of
// its classes. `calls` counts the calls of patched intrinsics.

const spied = [];
let recording = false;
let calls = 0;

const reflectApply = Reflect.apply;
const ownKeys = Reflect.ownKeys;
const getDescriptor = Reflect.getOwnPropertyDescriptor;
const define = Reflect.defineProperty;
const bufferOf = getDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "buffer").get;
const toText = Object.prototype.toString;
const isView = ArrayBuffer.isView;
const stringify = JSON.stringify;
const encoder = new TextEncoder();
const encode = TextEncoder.prototype.encode;
const set = Uint8Array.prototype.set;
const bytesOf = getDescriptor(ArrayBuffer.prototype, "byteLength").get;
const push = Array.prototype.push;

function look(value, where) {
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return;
  reflectApply(push, spied, [[where, value]]);
}

function record(where, self, args) {
  calls++;
  if (!recording) return;
  recording = false; // calls made here must not be recorded
  try {
    look(self, where);
    for (let i = 0; i < args.length; i++) look(args[i], where);
  } finally {
    recording = true;
  }
}

function patch(target, name, where) {
  const descriptor = getDescriptor(target, name);
  if (descriptor === undefined || !descriptor.configurable && !descriptor.writable) return;
  const wrapped = (original) =>
    function (...args) {
      record(where, this, args);
      if (new.target) return Reflect.construct(original, args, new.target);
      const result = reflectApply(original, this, args);
      record(`${where} returned`, undefined, [result]);
      return result;
    };
  try {
    if (typeof descriptor.value === "function") {
      const replacement = wrapped(descriptor.value);
      if (descriptor.value.prototype) replacement.prototype = descriptor.value.prototype;
      define(target, name, { ...descriptor, value: replacement });
    } else if (descriptor.get && descriptor.configurable) {
      define(target, name, {
        ...descriptor,
        get: wrapped(descriptor.get),
        ...(descriptor.set ? { set: wrapped(descriptor.set) } : {}),
      });
    }
  } catch { /* it cannot be patched */ }
}

function patchAll(target, label) {
  for (const name of ownKeys(target)) {
    if (name === "constructor" || name === "caller" || name === "callee" || name === "arguments") {
      continue;
    }
    patch(target, name, `${label}.${String(name)}`);
  }
}

const arrayIterator = Object.getPrototypeOf([][Symbol.iterator]());
const mapIterator = Object.getPrototypeOf(new Map()[Symbol.iterator]());
const setIterator = Object.getPrototypeOf(new Set()[Symbol.iterator]());
const typed = Object.getPrototypeOf(Uint8Array.prototype);

const targets = {
  Atomics,
  JSON,
  Math,
  Reflect,
  "Array.prototype": Array.prototype,
  "Map.prototype": Map.prototype,
  "Set.prototype": Set.prototype,
  "WeakMap.prototype": WeakMap.prototype,
  "TypedArray.prototype": typed,
  "Uint8Array.prototype": Uint8Array.prototype,
  "ArrayBuffer.prototype": ArrayBuffer.prototype,
  "SharedArrayBuffer.prototype": SharedArrayBuffer.prototype,
  "DataView.prototype": DataView.prototype,
  "Promise": Promise,
  "Promise.prototype": Promise.prototype,
  "ArrayIterator": arrayIterator,
  "MapIterator": mapIterator,
  "SetIterator": setIterator,
  "Generator.prototype": Object.getPrototypeOf((function* () {}).prototype),
  "AsyncGenerator.prototype": Object.getPrototypeOf((async function* () {}).prototype),
  "TextEncoder.prototype": TextEncoder.prototype,
  "TextDecoder.prototype": TextDecoder.prototype,
  "MessagePort.prototype": MessagePort.prototype,
  "EventTarget.prototype": EventTarget.prototype,
  "AbortSignal.prototype": AbortSignal.prototype,
  "AbortController.prototype": AbortController.prototype,
  "Performance.prototype": Object.getPrototypeOf(performance),
  "String.prototype": String.prototype,
  "Number": Number,
  "Object": Object,
  "Function.prototype": Function.prototype,
};
for (const label in targets) patchAll(targets[label], label);
for (
  const name of [
    "setImmediate",
    "queueMicrotask",
    "setTimeout",
    "clearTimeout",
    "Uint8Array",
    "Int32Array",
    "BigUint64Array",
    "Uint32Array",
    "DataView",
    "Promise",
    "Error",
    "TypeError",
    "structuredClone",
    "postMessage",
    "MessageChannel",
    "Map",
    "Set",
    "AbortController",
    "DOMException",
    "TextEncoder",
    "TextDecoder",
    "URL",
    "Blob",
  ]
) patch(globalThis, name, name);

// Properties that are read from plain objects when they are not their own.
const baits = [
  "then",
  "signal",
  "opcode",
  "status",
  "immediate",
  "timeoutMs",
  "untilMs",
  "fd",
  "connection",
  "server",
  "port",
  "done",
  "broken",
  "reason",
  "worker",
  "error",
  "cause",
  "next",
  "return",
  "busy",
  "stopFd",
];
for (const name of baits) {
  define(Object.prototype, name, {
    configurable: true,
    get() {
      record(`Object.prototype.${name}`, this, []);
      return undefined;
    },
    set(value) {
      record(`Object.prototype.${name} set`, this, [value]);
      define(this, name, { value, writable: true, enumerable: true, configurable: true });
    },
  });
}

/** A property that only the runtime's plain objects have, if the value has one. */
function runtimeProperty(value) {
  const list = Array.isArray(value) ? value : [value];
  for (let i = 0; i < list.length; i++) {
    if (list[i] === null || typeof list[i] !== "object") continue;
    const keys = ownKeys(list[i]);
    for (let j = 0; j < keys.length; j++) {
      if (
        keys[j] === "fd" || keys[j] === "untilMs" || keys[j] === "connection" || keys[j] === "libc"
      ) {
        return `object with ${keys[j]}`;
      }
    }
  }
  return undefined;
}

/** The recorded values that belong to the runtime. A buffer no larger than the slot of `output` is the function's own. */
function verdict(output) {
  recording = false;
  const slot = bytesOf.call(bufferOf.call(output));
  const found = {};
  for (let i = 0; i < spied.length; i++) {
    const [where, value] = spied[i];
    const kind = reflectApply(toText, value, []);
    let what;
    if (kind === "[object MessagePort]" || kind === "[object DedicatedWorkerGlobalScope]") {
      what = kind === "[object MessagePort]" ? kind : undefined;
    } else if (kind === "[object ArrayBuffer]") {
      if (bytesOf.call(value) > slot) what = `buffer of ${bytesOf.call(value)}`;
    } else if (kind === "[object SharedArrayBuffer]") what = kind;
    else if (isView(value)) {
      const buffer = bufferOf.call(value);
      const kindOfBuffer = reflectApply(toText, buffer, []);
      if (kindOfBuffer !== "[object ArrayBuffer]") what = `view of ${kindOfBuffer}`;
      else if (bytesOf.call(buffer) > slot) what = `view of ${bytesOf.call(buffer)}`;
    } else {
      const proto = Object.getPrototypeOf(value);
      const name = proto && getDescriptor(proto, "constructor")?.value?.name;
      const native = typeof name !== "string" || name === "" || name === "Object" ||
        name in globalThis ||
        /^(Generator|Async|Array Iterator|Timeout|Immediate)/.test(name);
      if (!native) what = `instance of ${name}`;
      else if (name === "Object" && "mmap" in value) what = "libc symbols";
    }
    what ??= runtimeProperty(value);
    if (what) found[`${where}: ${what}`] = (found[`${where}: ${what}`] ?? 0) + 1;
  }
  spied.length = 0;
  recording = true;
  return found;
}

export function arm() {
  spied.length = 0;
  recording = true;
  return 0;
}

export function report(_input, output) {
  const found = verdict(output);
  recording = false;
  const bytes = reflectApply(encode, encoder, [stringify({ calls, found })]);
  reflectApply(set, output, [bytes]);
  recording = true;
  return bytes.length;
}

export function echo(input, output) {
  recording = false;
  reflectApply(set, output, [input]);
  recording = true;
  return input.length;
}

export async function later(_input, output) {
  await new Promise((resolve) => setTimeout(resolve, 15));
  output[0] = 1;
  return 1;
}

export function* many(_input, output) {
  for (let i = 0; i < 3; i++) {
    output[0] = i;
    yield 1;
  }
}

export async function* manyLater(_input, output) {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    output[0] = i;
    yield 1;
  }
}

/** Uses all members of a context, and waits to be aborted if the first byte is 1. */
export async function withContext(input, _output, context) {
  context.log("a line");
  const { signal, timeLeftMs, lease, worker } = context;
  if (input[0] === 1) await new Promise((resolve) => signal.onabort = resolve);
  return timeLeftMs >= 0 && lease !== "" && worker === 0 ? 0 : 1;
}

export function init(context) {
  context.log("begun");
}

export function fail() {
  throw new RangeError("on purpose");
}

/** Tests the detector: passes a large view to a patched method, as a careless runtime would. */
export function careless() {
  new Uint8Array(1 << 20).subarray(0, 1).set([1]);
  return 0;
}
