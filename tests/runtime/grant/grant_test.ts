import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { sign } from "node:crypto";
import fc from "fast-check";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import {
  type Grant,
  MAX_GRANT_CHARS,
  MAX_NODES_PER_SIGNATURE,
  signGrants,
  type UnsignedGrants,
  verifyGrant,
} from "../../../runtime/grant/grant.ts";
import {
  createStoredKey,
  fromBase64Url,
  openStoredKey,
  type SigningKey,
  toBase64Url,
} from "../../../runtime/grant/grant_key.ts";

const example = {
  lease: "0123456789abcdef0123456789abcdef",
  client: "client",
  node: "fedcba9876543210fedcba9876543210",
  epoch: 3,
  workers: 2,
  memoryBytes: 2 ** 28,
  issuedMs: 1_800_000_000_000,
  claimByMs: 1_800_000_002_000,
  expiresMs: 1_800_000_060_000,
};

/** What is signed for one node. */
function unsigned(
  { node, epoch, workers, memoryBytes, ...common }: typeof example,
): UnsignedGrants {
  return { ...common, nodes: [{ node, epoch, workers, memoryBytes }] };
}

/** Signs the grant of one node. */
function signGrant(grant: typeof example, key: SigningKey): string {
  return signGrants(unsigned(grant), key)[0]!;
}

/** Grants of one lease for `count` nodes that differ in all fields. */
function severalNodes(count: number): UnsignedGrants {
  const nodes = Array.from({ length: count }, (_, at) => ({
    node: (at + 1).toString(16).padStart(32, "0"),
    epoch: at + 1,
    workers: at + 1,
    memoryBytes: at,
  }));
  return { ...unsigned(example), nodes };
}

async function newKey(): Promise<SigningKey> {
  return openStoredKey(await createStoredKey());
}

/** Signs any text as the content of a grant. */
function signText(text: string, key: SigningKey): string {
  const bytes = new TextEncoder().encode(text);
  const signature = sign(null, bytes, key.privateKey);
  return `${toBase64Url(bytes)}.${toBase64Url(new Uint8Array(signature))}.0`;
}

function assertBad(text: string, keys: SigningKey[], message: string): void {
  const error = assertThrows(() => verifyGrant(text, keys), LeaseRefusedError);
  assertEquals(error.reason, "bad-grant");
  assertStringIncludes(error.message, message);
}

Deno.test("`verifyGrant()` returns what `signGrants()` signed", async () => {
  const old = await newKey();
  const key = await newKey();
  const grant = verifyGrant(signGrant(example, key), [old, key]);
  assertEquals(grant, { v: 2, key: key.id, ...example });
});

Deno.test("`signGrants()` signs once for several nodes, and each grant is for its own", async () => {
  const key = await newKey();
  const grants = severalNodes(2 * MAX_NODES_PER_SIGNATURE + 1);
  const texts = signGrants(grants, key);
  const { nodes, ...common } = grants;
  const read = texts.map((text) => verifyGrant(text, [key]));
  assertEquals(read, nodes.map((node): Grant => ({ v: 2, key: key.id, ...common, ...node })));
  const signatures = new Set(texts.map((text) => text.split(".")[1]));
  assertEquals(signatures.size, 3);
  assertEquals(signGrants({ ...grants, nodes: [] }, key), []);
});

Deno.test("`verifyGrant()` refuses a place that the grant does not have", async () => {
  const key = await newKey();
  const [text] = signGrants(severalNodes(3), key) as [string];
  const at = (place: string) => text.replace(/0$/, place);
  assertEquals(verifyGrant(at("2"), [key]).epoch, 3);
  assertBad(at("3"), [key], "its place is 3 of 3 nodes");
  for (const place of ["", "10", "00", "-1", "0x0", "0.0", " 0", "0\n", "length", "__proto__"]) {
    assertBad(at(place), [key], place === "0.0" ? "not three parts" : "its place is not a digit");
  }
});

Deno.test("the longest grants are short enough", async () => {
  const key = await newKey();
  const most = {
    ...unsigned(example),
    client: "c".repeat(128),
    issuedMs: Number.MAX_SAFE_INTEGER - 1,
    claimByMs: Number.MAX_SAFE_INTEGER,
    expiresMs: Number.MAX_SAFE_INTEGER,
    nodes: Array.from({ length: MAX_NODES_PER_SIGNATURE }, (_, at) => ({
      node: at.toString(16).padStart(32, "f"),
      epoch: 2 ** 31 - 1,
      workers: 1024,
      memoryBytes: Number.MAX_SAFE_INTEGER,
    })),
  };
  const texts = signGrants(most, key);
  assert(texts[0]!.length <= MAX_GRANT_CHARS / 2, `${texts[0]!.length} characters`);
  assertEquals(verifyGrant(texts.at(-1)!, [key]).node, most.nodes.at(-1)!.node);
});

Deno.test("`verifyGrant()` returns any grant in range", async () => {
  const key = await newKey();
  const hex = fc.string({
    unit: fc.constantFrom(..."0123456789abcdef"),
    minLength: 32,
    maxLength: 32,
  });
  const node = fc.record({
    node: hex,
    epoch: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    workers: fc.integer({ min: 1, max: 1024 }),
    memoryBytes: fc.maxSafeNat(),
  });
  const grants = fc.record({
    lease: hex,
    client: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
    nodes: fc.uniqueArray(node, { minLength: 1, maxLength: 20, selector: ({ node }) => node }),
    issuedMs: fc.nat(),
    claimWithinMs: fc.nat(5000),
    termMs: fc.integer({ min: 1, max: 86_400_000 }),
  });
  fc.assert(
    fc.property(grants, ({ claimWithinMs, termMs, nodes, ...rest }) => {
      const claimByMs = rest.issuedMs + claimWithinMs;
      const common = { ...rest, claimByMs, expiresMs: rest.issuedMs + termMs };
      const texts = signGrants({ ...common, nodes }, key);
      assertEquals(
        texts.map((text) => verifyGrant(text, [key])),
        nodes.map((node): Grant => ({ v: 2, key: key.id, ...common, ...node })),
      );
    }),
    { numRuns: 100 },
  );
});

Deno.test("`signGrants()` refuses exactly the numbers that `verifyGrant()` refuses", async () => {
  const key = await newKey();
  const number = fc.oneof(
    fc.integer({ min: -2, max: 2000 }),
    fc.constantFrom(NaN, Infinity, 0.5, 2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1, 2 ** 53, 1024, 1025),
  );
  const numbers = fc.record({
    epoch: number,
    workers: number,
    memoryBytes: number,
    issuedMs: number,
    claimByMs: number,
    expiresMs: number,
  });
  const one = fc.tuple(
    fc.constantFrom("epoch", "workers", "memoryBytes", "issuedMs", "claimByMs", "expiresMs"),
    number,
  ).map(([field, value]): Partial<typeof example> => ({ [field]: value }));
  const check = (changes: Partial<typeof example>) => {
    const grant = { ...example, ...changes };
    const content = JSON.stringify({ v: 2, key: key.id, ...unsigned(grant) });
    let isValid = true;
    try {
      verifyGrant(signText(content, key), [key]);
    } catch (error) {
      assert(error instanceof LeaseRefusedError, String(error));
      isValid = false;
    }
    if (isValid) signGrant(grant, key);
    else assertThrows(() => signGrant(grant, key), RangeError, "Cannot sign grant");
  };
  fc.assert(fc.property(numbers, check), { numRuns: 200 });
  fc.assert(fc.property(one, check), { numRuns: 300 });
});

Deno.test("`verifyGrant()` refuses a grant with any byte changed", async () => {
  const key = await newKey();
  const [content, signature] = signGrants(severalNodes(3), key)[0]!.split(".") as [string, string];
  for (const part of [content, signature]) {
    const bytes = fromBase64Url(part);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      const text = part === content
        ? `${toBase64Url(changed)}.${signature}.0`
        : `${content}.${toBase64Url(changed)}.0`;
      const error = assertThrows(() => verifyGrant(text, [key]), LeaseRefusedError);
      assertEquals(error.reason, "bad-grant");
    }
  }
});

Deno.test("`verifyGrant()` names an unknown key", async () => {
  const key = await newKey();
  const text = signGrant(example, key);
  assertBad(text, [], `its key ${key.id} is unknown`);
  assertBad(text, [await newKey()], `its key ${key.id} is unknown`);
});

Deno.test("`verifyGrant()` refuses a signature by another known key", async () => {
  const key = await newKey();
  const other = await newKey();
  assertBad(signGrant(example, { ...key, id: other.id }), [key, other], "names key");
  const forged = signGrant(example, { ...other, id: key.id });
  assertBad(forged, [key], "its signature does not match");
});

Deno.test("`verifyGrant()` refuses malformed grants", async () => {
  const key = await newKey();
  const text = signGrant(example, key);
  assertBad("", [key], "not three parts");
  assertBad(text.replace(".", ""), [key], "not three parts");
  assertBad(text + ".x", [key], "not three parts");
  assertBad(text.replace(/.0$/, "=.0"), [key], "its signature is not base64url");
  for (let chars = 0; chars < text.length; chars++) {
    assertThrows(() => verifyGrant(text.slice(0, chars), [key]), LeaseRefusedError);
  }
  assertBad("*" + text, [key], "its content is not base64url");
  assertBad(" ".repeat(MAX_GRANT_CHARS + 1), [key], `${MAX_GRANT_CHARS + 1} characters`);
  assertBad("..0", [key], "its signature does not match");
});

Deno.test("`verifyGrant()` refuses another spelling of the same bytes", async () => {
  const key = await newKey();
  const text = signGrant(example, key);
  // The last character of 64 bytes has four unused bits: one of 16 spellings is canonical.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const signed = text.slice(0, -2);
  const last = alphabet.indexOf(signed.at(-1)!);
  const respelled = `${signed.slice(0, -1)}${alphabet[last ^ 1]}.0`;
  assertBad(respelled, [key], "its signature is not base64url");
});

Deno.test("`verifyGrant()` refuses signed content that is not a grant", async () => {
  const key = await newKey();
  const valid = { v: 2, key: key.id, ...unsigned(example) };
  const [entry] = valid.nodes;
  assertEquals(verifyGrant(signText(JSON.stringify(valid), key), [key]).node, example.node);
  assertBad(signText("not JSON", key), [key], "not JSON");
  assertBad(signText("null", key), [key], "Invalid type");
  const changes: [string, unknown][] = [
    ["v", 1],
    ["lease", "0123"],
    ["lease", "0123456789ABCDEF0123456789ABCDEF"],
    ["client", 'a"b'],
    ["client", ""],
    ["expiresMs", null],
    ["extra", 1],
    ["nodes", []],
    ["nodes", {}],
    ["nodes", undefined],
    ["nodes", [entry, entry]],
    ["nodes", severalNodes(MAX_NODES_PER_SIGNATURE + 1).nodes],
  ];
  for (const [field, value] of changes) {
    const text = signText(JSON.stringify({ ...valid, [field]: value }), key);
    assertBad(text, [key], `field ${field}`);
  }
  const entryChanges: [string, unknown][] = [
    ["node", 7],
    ["epoch", 0],
    ["epoch", 1.5],
    ["workers", 0],
    ["workers", 2 ** 31],
    ["memoryBytes", -1],
    ["memoryBytes", 2 ** 53],
    ["extra", 1],
  ];
  for (const [field, value] of entryChanges) {
    // Also an entry that the grant does not use.
    const other = { ...severalNodes(1).nodes[0], [field]: value };
    const nodes = [entry, other];
    const text = signText(JSON.stringify({ ...valid, nodes }), key);
    assertBad(text, [key], `field nodes.1.${field}`);
  }
  const early = { ...valid, claimByMs: example.issuedMs - 1 };
  assertBad(signText(JSON.stringify(early), key), [key], "claimByMs");
  const over = { ...valid, expiresMs: example.issuedMs };
  assertBad(signText(JSON.stringify(over), key), [key], "expiresMs");
});

Deno.test("`signGrants()` names the number that nodes would refuse", async () => {
  const key = await newKey();
  const error = assertThrows(() => signGrant({ ...example, workers: NaN }, key), RangeError);
  assertEquals(error.message, "Cannot sign grant: field workers is NaN");
});
