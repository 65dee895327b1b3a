/**
 * Grants: signed statements that let a client claim workers of a lease on one node.
 *
 * The resource manager signs a grant, the client presents it, and the executor manager of the node verifies it without a
 * request to the resource manager. A renewal issues a new grant for the same lease, which expires later.
 *
 * The format is `base64url(JSON) "." base64url(Ed25519 signature over the bytes of the JSON) "." place`. The JSON lists
 * several nodes of the lease, so that they share a signature, and the place is that of the grant's node in the list.
 */
import { Buffer } from "node:buffer";
import { sign, verify } from "node:crypto";
import { LeaseRefusedError } from "../errors.ts";
import { fromBase64Url, openPublicKey, type SigningKey } from "./grant_key.ts";
import {
  byteCount,
  epochNumber,
  type GrantKey,
  hexId,
  keyId,
  MAX_EPOCH,
  plainName,
  timeMs,
  workerCount,
} from "../http/manager_api.ts";
import { MAX_LEASE_WORKERS } from "../protocol/wire.ts";
import * as v from "../valibot.ts";

/** The longest text of a grant, in characters. */
export const MAX_GRANT_CHARS = 4096;
/**
 * The most nodes that share a signature. The three candidates of a usual lease do. With more nodes, the text would grow,
 * which the response has once for each of them.
 */
export const MAX_NODES_PER_SIGNATURE = 8;
/** A place in the list of nodes, in one spelling. */
const PLACE = /^[0-9]$/;

const nodeSchema = v.strictObject({
  node: hexId,
  epoch: epochNumber,
  workers: workerCount,
  memoryBytes: byteCount,
});

const contentSchema = v.pipe(
  v.strictObject({
    v: v.literal(2),
    key: keyId,
    lease: hexId,
    client: plainName,
    issuedMs: timeMs,
    claimByMs: timeMs,
    expiresMs: timeMs,
    nodes: v.pipe(
      v.array(nodeSchema),
      v.minLength(1),
      v.maxLength(MAX_NODES_PER_SIGNATURE),
      v.check(
        (nodes) => new Set(nodes.map(({ node }) => node)).size === nodes.length,
        "a node is listed twice",
      ),
    ),
  }),
  v.check((g) => g.claimByMs >= g.issuedMs, "claimByMs is before issuedMs"),
  v.check((g) => g.expiresMs > g.issuedMs, "expiresMs is not after issuedMs"),
);

/** What is signed. */
type Content = v.InferOutput<typeof contentSchema>;

/**
 * The content of a grant: the id of the `key` that signed it, the `lease`, the name of the `client`, the id of the
 * `node`, the `epoch` of that node, the largest number of `workers`, their `memoryBytes`, and the times `issuedMs`,
 * `claimByMs` and `expiresMs` on the resource manager's clock.
 */
export type Grant = Omit<Content, "nodes"> & Content["nodes"][number];

/** The grants of a lease before they are signed. */
export type UnsignedGrants = Omit<Content, "v" | "key">;

/**
 * Signs the grants of a lease.
 *
 * @returns the texts for the client, in the order of `nodes`.
 * @throws {RangeError} if a number is out of its range, since every node would refuse the grant. Ids and names come from
 * stored rows, and are not checked again.
 */
export function signGrants({ nodes, ...common }: UnsignedGrants, key: SigningKey): string[] {
  const texts: string[] = [];
  for (let at = 0; at < nodes.length; at += MAX_NODES_PER_SIGNATURE) {
    const some = nodes.slice(at, at + MAX_NODES_PER_SIGNATURE);
    const signed = signContent({ ...common, nodes: some }, key);
    for (let place = 0; place < some.length; place++) texts.push(`${signed}.${place}`);
  }
  return texts;
}

function signContent(grants: UnsignedGrants, key: SigningKey): string {
  checkNumbers(grants);
  const { lease, client, issuedMs, claimByMs, expiresMs, nodes } = grants;
  const content: Content = {
    v: 2,
    key: key.id,
    lease,
    client,
    issuedMs,
    claimByMs,
    expiresMs,
    nodes: nodes.map(({ node, epoch, workers, memoryBytes }) => ({
      node,
      epoch,
      workers,
      memoryBytes,
    })),
  };
  const bytes = Buffer.from(JSON.stringify(content));
  // crypto.subtle signs in another thread, which takes longer than the signature, and milliseconds on a host with busy
  // cores: 75 us against 18 here, and about as much against 40 in verifyGrant().
  const signature = sign(null, bytes, key.privateKey);
  return `${bytes.toString("base64url")}.${signature.toString("base64url")}`;
}

/** By hand, since the schema takes longer than the texts are made in. */
function checkNumbers({ issuedMs, claimByMs, expiresMs, nodes }: UnsignedGrants): void {
  const refuse = (state: string) => new RangeError(`Cannot sign grant: ${state}`);
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (!isCount(issuedMs) || !isCount(claimByMs) || !isCount(expiresMs)) {
    throw refuse(`a time is out of range: ${issuedMs}, ${claimByMs}, ${expiresMs}`);
  }
  if (claimByMs < issuedMs || expiresMs <= issuedMs) {
    throw refuse(`a time is before issuedMs ${issuedMs}: ${claimByMs}, ${expiresMs}`);
  }
  for (const { epoch, workers, memoryBytes } of nodes) {
    if (!isCount(epoch) || epoch < 1 || epoch > MAX_EPOCH) {
      throw refuse(`field epoch is ${epoch}`);
    }
    if (!isCount(workers) || workers < 1 || workers > MAX_LEASE_WORKERS) {
      throw refuse(`field workers is ${workers}`);
    }
    if (!isCount(memoryBytes)) throw refuse(`field memoryBytes is ${memoryBytes}`);
  }
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
  if (parts.length !== 3) throw badGrant("it is not three parts joined by dots");
  const bytes = decodePart(parts[0]!, "content");
  const signature = decodePart(parts[1]!, "signature");
  const place = PLACE.test(parts[2]!) ? Number(parts[2]) : undefined;
  if (place === undefined) throw badGrant("its place is not a digit");
  const signer = findSigner(bytes, signature, keys);
  if (signer === undefined) {
    // The content is not trusted. It is read only for the message.
    const named = readKeyId(bytes);
    if (named !== undefined && !keys.some((key) => key.id === named)) {
      throw badGrant(`its key ${named} is unknown`);
    }
    throw badGrant("its signature does not match");
  }
  const checked = v.safeParse(contentSchema, parseJson(bytes));
  if (!checked.success) throw badGrant(describeIssue(checked.issues[0]));
  const { nodes, ...common } = checked.output;
  if (common.key !== signer.id) {
    throw badGrant(`it names key ${common.key} but is signed by ${signer.id}`);
  }
  const node = nodes[place];
  if (node === undefined) throw badGrant(`its place is ${place} of ${nodes.length} nodes`);
  return { ...common, ...node };
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
