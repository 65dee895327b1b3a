/**
 * Grants: the signed part of a lease that names one node.
 *
 * The resource manager signs them, the client carries them, and the executor manager of the node
 * checks them without asking anyone. A renewed grant is a new grant for the same lease that expires
 * later.
 *
 * On the wire: `base64url(JSON) "." base64url(Ed25519 signature over the bytes of the JSON)`.
 */
import { sign, verify } from "node:crypto";
import { LeaseRefused } from "../errors.ts";
import { fromBase64Url, openPublicKey, type SigningKey, toBase64Url } from "./grant_key.ts";
import {
  byteCount,
  epochNumber,
  type GrantKey,
  hexId,
  keyId,
  plainName,
  timeMs,
  workerCount,
} from "../http/manager_api.ts";
import * as v from "../valibot.ts";

/** The longest text of a grant, in characters. */
export const maxGrantChars = 4096;
/** How long after it was signed a grant may be claimed, in milliseconds (DESIGN: two seconds). */
export const claimWithinMs = 2000;

const grantSchema = v.pipe(
  v.strictObject({
    v: v.literal(1),
    key: keyId,
    lease: hexId,
    client: plainName,
    node: hexId,
    epoch: epochNumber,
    workers: workerCount,
    memoryBytes: byteCount,
    issuedMs: timeMs,
    claimByMs: timeMs,
    expiresMs: timeMs,
  }),
  v.check((g) => g.claimByMs >= g.issuedMs, "claimByMs is before issuedMs"),
  v.check((g) => g.expiresMs > g.issuedMs, "expiresMs is not after issuedMs"),
);

/**
 * What a grant says.
 *
 * `key` id of the key that signed it · `lease` 32 hex digits · `client` name · `node` id ·
 * `epoch` number of starts of that node's executor manager · `workers` at most so many ·
 * `memoryBytes` · `issuedMs`, `claimByMs`, `expiresMs` milliseconds of the resource manager's clock.
 */
export type Grant = v.InferOutput<typeof grantSchema>;

/**
 * The memory that goes with some of a lease's workers: its share, rounded up to whole bytes. Both ends of a claim reckon
 * with it, so that they agree.
 *
 * @param of how many workers have all of `memoryBytes`.
 */
export function memoryShare(memoryBytes: number, workers: number, of: number): number {
  return workers >= of ? memoryBytes : Math.ceil(memoryBytes / of * workers);
}

/** A grant before it is signed. */
export type UnsignedGrant = Omit<Grant, "v" | "key">;

/**
 * Signs a grant.
 *
 * @returns the text to hand to the client.
 * @throws {RangeError} if a field is out of its range: such a grant would be refused everywhere.
 */
export function signGrant(grant: UnsignedGrant, key: SigningKey): string {
  const checked = v.safeParse(grantSchema, { v: 1, key: key.id, ...grant });
  if (!checked.success) {
    throw new RangeError(`Cannot sign grant: ${describeIssue(checked.issues[0])}`);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(checked.output));
  // Not by crypto.subtle, whose way through another thread takes longer than the signature, and milliseconds on a host
  // whose cores are busy: 75 us against 18 here, and for verifyGrant() about as much against 40.
  const signature = sign(null, bytes, key.privateKey);
  return `${toBase64Url(bytes)}.${toBase64Url(signature)}`;
}

/**
 * Checks the signature over the bytes as they came, and only then reads them.
 *
 * It does not look at a clock, nor at whom the grant is for: node, epoch, `claimByMs` and `expiresMs`
 * are for the caller to compare.
 *
 * @param text the grant as it came.
 * @param keys the keys that the resource manager gave at registration and in heartbeats.
 * @throws {LeaseRefused} with reason `bad-grant`; the message tells too long, malformed, unknown key,
 * bad signature and bad field apart.
 */
export function verifyGrant(text: string, keys: readonly GrantKey[]): Grant {
  if (text.length > maxGrantChars) {
    throw badGrant(`it has ${text.length} characters, more than ${maxGrantChars}`);
  }
  const parts = text.split(".");
  if (parts.length !== 2) throw badGrant("it is not two parts joined by a dot");
  const bytes = decodePart(parts[0]!, "content");
  const signature = decodePart(parts[1]!, "signature");
  const signer = findSigner(bytes, signature, keys);
  if (signer === undefined) {
    // The content is not to be believed; it is read only to word the refusal.
    const named = readKeyId(bytes);
    if (named !== undefined && !keys.some((key) => key.id === named)) {
      throw badGrant(`its key ${named} is not known`);
    }
    throw badGrant("its signature does not match");
  }
  const checked = v.safeParse(grantSchema, parseJson(bytes));
  if (!checked.success) throw badGrant(describeIssue(checked.issues[0]));
  if (checked.output.key !== signer.id) {
    throw badGrant(`it names key ${checked.output.key} but is signed by ${signer.id}`);
  }
  return checked.output;
}

function findSigner(
  bytes: Uint8Array,
  signature: Uint8Array,
  keys: readonly GrantKey[],
): GrantKey | undefined {
  return keys.find((key) => verify(null, bytes, openPublicKey(key), signature));
}

function decodePart(part: string, name: string): Uint8Array<ArrayBuffer> {
  try {
    return fromBase64Url(part);
  } catch (cause) {
    throw badGrant(`its ${name} is not base64url`, { cause });
  }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw badGrant("its content is not JSON", { cause });
  }
}

function readKeyId(bytes: Uint8Array): string | undefined {
  try {
    const checked = v.safeParse(v.object({ key: keyId }), parseJson(bytes));
    return checked.success ? checked.output.key : undefined;
  } catch {
    return undefined;
  }
}

function describeIssue(issue: { message: string; path?: readonly { key: unknown }[] | undefined }) {
  const field = issue.path?.map((item) => String(item.key)).join(".");
  return field === undefined ? issue.message : `field ${field}: ${issue.message}`;
}

function badGrant(state: string, options?: ErrorOptions): LeaseRefused {
  return new LeaseRefused(`Cannot use grant: ${state}`, "bad-grant", options);
}
