import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { sign } from "node:crypto";
import fc from "fast-check";
import { LeaseRefusedError } from "../../../runtime/errors.ts";
import {
  MAX_GRANT_CHARS,
  signGrant,
  type UnsignedGrant,
  verifyGrant,
} from "../../../runtime/grant/grant.ts";
import {
  createStoredKey,
  fromBase64Url,
  openStoredKey,
  type SigningKey,
  toBase64Url,
} from "../../../runtime/grant/grant_key.ts";

const example: UnsignedGrant = {
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

async function newKey(): Promise<SigningKey> {
  return openStoredKey(await createStoredKey());
}

/** Signs any text as a grant. */
function signText(text: string, key: SigningKey): string {
  const bytes = new TextEncoder().encode(text);
  const signature = sign(null, bytes, key.privateKey);
  return `${toBase64Url(bytes)}.${toBase64Url(new Uint8Array(signature))}`;
}

function assertBad(text: string, keys: SigningKey[], message: string): void {
  const error = assertThrows(() => verifyGrant(text, keys), LeaseRefusedError);
  assertEquals(error.reason, "bad-grant");
  assertStringIncludes(error.message, message);
}

Deno.test("`verifyGrant()` returns what `signGrant()` signed", async () => {
  const old = await newKey();
  const key = await newKey();
  const grant = verifyGrant(signGrant(example, key), [old, key]);
  assertEquals(grant, { v: 1, key: key.id, ...example });
});

Deno.test("`verifyGrant()` returns any grant in range", async () => {
  const key = await newKey();
  const hex = fc.string({
    unit: fc.constantFrom(..."0123456789abcdef"),
    minLength: 32,
    maxLength: 32,
  });
  const grants = fc.record({
    lease: hex,
    client: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
    node: hex,
    epoch: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    workers: fc.integer({ min: 1, max: 1024 }),
    memoryBytes: fc.maxSafeNat(),
    issuedMs: fc.nat(),
    claimWithinMs: fc.nat(5000),
    termMs: fc.integer({ min: 1, max: 86_400_000 }),
  });
  fc.assert(
    fc.property(grants, ({ claimWithinMs, termMs, ...rest }) => {
      const claimByMs = rest.issuedMs + claimWithinMs;
      const grant = { ...rest, claimByMs, expiresMs: rest.issuedMs + termMs };
      const text = signGrant(grant, key);
      assertEquals(verifyGrant(text, [key]), { v: 1, key: key.id, ...grant });
    }),
    { numRuns: 100 },
  );
});

Deno.test("`verifyGrant()` refuses a grant with any byte changed", async () => {
  const key = await newKey();
  const [content, signature] = (signGrant(example, key)).split(".") as [string, string];
  for (const part of [content, signature]) {
    const bytes = fromBase64Url(part);
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at]! ^= 1;
      const text = part === content
        ? `${toBase64Url(changed)}.${signature}`
        : `${content}.${toBase64Url(changed)}`;
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
  assertBad("", [key], "not two parts");
  assertBad(text.replace(".", ""), [key], "not two parts");
  assertBad(text + ".x", [key], "not two parts");
  assertBad(text + "=", [key], "its signature is not base64url");
  assertBad("*" + text, [key], "its content is not base64url");
  assertBad(" ".repeat(MAX_GRANT_CHARS + 1), [key], `${MAX_GRANT_CHARS + 1} characters`);
  assertBad(".", [key], "its signature does not match");
});

Deno.test("`verifyGrant()` refuses another spelling of the same bytes", async () => {
  const key = await newKey();
  const text = signGrant(example, key);
  // The last character of 64 bytes has four unused bits: one of 16 spellings is canonical.
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(text.at(-1)!);
  const respelled = text.slice(0, -1) + alphabet[last ^ 1];
  assertBad(respelled, [key], "its signature is not base64url");
});

Deno.test("`verifyGrant()` refuses signed content that is not a grant", async () => {
  const key = await newKey();
  const valid = { v: 1, key: key.id, ...example };
  assertBad(signText("not JSON", key), [key], "not JSON");
  assertBad(signText("null", key), [key], "Invalid type");
  const changes: [string, unknown][] = [
    ["v", 2],
    ["lease", "0123"],
    ["lease", "0123456789ABCDEF0123456789ABCDEF"],
    ["node", 7],
    ["client", 'a"b'],
    ["client", ""],
    ["epoch", 0],
    ["epoch", 1.5],
    ["workers", 0],
    ["workers", 2 ** 31],
    ["memoryBytes", -1],
    ["memoryBytes", 2 ** 53],
    ["expiresMs", null],
    ["extra", 1],
  ];
  for (const [field, value] of changes) {
    const text = signText(JSON.stringify({ ...valid, [field]: value }), key);
    assertBad(text, [key], `field ${field}`);
  }
  const early = { ...valid, claimByMs: example.issuedMs - 1 };
  assertBad(signText(JSON.stringify(early), key), [key], "claimByMs");
  const over = { ...valid, expiresMs: example.issuedMs };
  assertBad(signText(JSON.stringify(over), key), [key], "expiresMs");
});

Deno.test("`signGrant()` refuses a grant that nodes would refuse", async () => {
  const key = await newKey();
  const error = assertThrows(() => signGrant({ ...example, workers: NaN }, key), RangeError);
  assert(error.message.startsWith("Cannot sign grant: field workers"));
});
