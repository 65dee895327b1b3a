/**
 * Grants: signed statements that let a client claim workers of a lease on one node.
 *
 * The resource manager signs a grant, the client presents it, and the executor manager of the node verifies it without a
 * request to the resource manager. A renewal issues a new grant for the same lease, which expires later.
 *
 * The format is `base64url(JSON) "." base64url(Ed25519 signature over the bytes of the JSON)`.
 */
import { sign, verify } from "node:crypto";
import { LeaseRefusedError } from "../errors.ts";
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
export const MAX_GRANT_CHARS = 4096;

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
 * The content of a grant: the id of the `key` that signed it, the `lease`, the name of the `client`, the id of the
 * `node`, the `epoch` of that node, the largest number of `workers`, their `memoryBytes`, and the times `issuedMs`,
 * `claimByMs` and `expiresMs` on the resource manager's clock.
 */
export type Grant = v.InferOutput<typeof grantSchema>;

/** A grant before it is signed. */
export type UnsignedGrant = Omit<Grant, "v" | "key">;

/**
 * Signs a grant.
 *
 * @returns the text for the client.
 * @throws {RangeError} if a field is out of its range, since every node would refuse the grant.
 */
export function signGrant(grant: UnsignedGrant, key: SigningKey): string {
  const checked = v.safeParse(grantSchema, { v: 1, key: key.id, ...grant });
  if (!checked.success) {
    throw new RangeError(`Cannot sign grant: ${describeIssue(checked.issues[0])}`);
  }
  const bytes = new TextEncoder().encode(JSON.stringify(checked.output));
  // crypto.subtle signs in another thread, which takes longer than the signature, and milliseconds on a host with busy
  // cores: 75 us against 18 here, and about as much against 40 in verifyGrant().
  const signature = sign(null, bytes, key.privateKey);
  return `${toBase64Url(bytes)}.${toBase64Url(signature)}`;
}

/**
 * Verifies the signature over the received bytes, and only then reads them.
 *
 * The caller compares node, epoch, `claimByMs` and `expiresMs` with its own.
 *
 * @param text the received grant.
 * @param keys the keys that the resource manager sent at the registration and in heartbeats.
 * @throws {LeaseRefusedError} with reason `bad-grant`. Its message distinguishes a text that is too long, a malformed
 * one, an unknown key, a bad signature and a bad field.
 */
export function verifyGrant(text: string, keys: readonly GrantKey[]): Grant {
  if (text.length > MAX_GRANT_CHARS) {
    throw badGrant(`it has ${text.length} characters, more than ${MAX_GRANT_CHARS}`);
  }
  const parts = text.split(".");
  if (parts.length !== 2) throw badGrant("it is not two parts joined by a dot");
  const bytes = decodePart(parts[0]!, "content");
  const signature = decodePart(parts[1]!, "signature");
  const signer = findSigner(bytes, signature, keys);
  if (signer === undefined) {
    // The content is not trusted. It is read only for the message.
    const named = readKeyId(bytes);
    if (named !== undefined && !keys.some((key) => key.id === named)) {
      throw badGrant(`its key ${named} is unknown`);
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

function badGrant(state: string, options?: ErrorOptions): LeaseRefusedError {
  return new LeaseRefusedError(`Cannot use grant: ${state}`, "bad-grant", options);
}
