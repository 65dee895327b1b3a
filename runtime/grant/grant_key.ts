/** The Ed25519 keys that sign grants. */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import type { GrantKey } from "../http/manager_api.ts";

/** A key that can sign. Its public half is a {@linkcode GrantKey}. */
export interface SigningKey extends GrantKey {
  /** The private half, for {@linkcode signGrant}. */
  readonly privateKey: KeyObject;
}

/** A stored key: both halves as text. */
export interface StoredKey extends GrantKey {
  /** The private half: PKCS #8 in base64url. A secret. */
  readonly privatePkcs8: string;
}

/** Creates a key. */
export async function createStoredKey(): Promise<StoredKey> {
  const usages: KeyUsage[] = ["sign", "verify"];
  const pair = await crypto.subtle.generateKey("Ed25519", true, usages) as CryptoKeyPair;
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  return {
    id: digest.subarray(0, 8).toHex(),
    publicKey: toBase64Url(raw),
    privatePkcs8: toBase64Url(pkcs8),
  };
}

/**
 * Opens a stored key for signatures.
 *
 * @throws {Error} if the stored text is not a private key.
 */
export function openStoredKey(key: StoredKey): SigningKey {
  const pkcs8 = Buffer.from(fromBase64Url(key.privatePkcs8));
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return { id: key.id, publicKey: key.publicKey, privateKey };
}

/** Opens a public key for verification. @throws {Error} if its text is not a key. */
export function openPublicKey({ publicKey }: GrantKey): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: publicKey }, format: "jwk" });
}

/** Bytes as base64url without padding (RFC 4648, section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/**
 * The bytes of base64url. Exactly one text decodes to a sequence of bytes, so that a signed text has one spelling.
 *
 * @throws {SyntaxError} if the text is not canonical base64url without padding.
 */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) {
    throw new SyntaxError("Cannot decode text: it is not base64url");
  }
  const padded = text + "=".repeat((4 - text.length % 4) % 4);
  return Uint8Array.fromBase64(padded, { alphabet: "base64url", lastChunkHandling: "strict" });
}
