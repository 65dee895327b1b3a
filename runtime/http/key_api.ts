/** The bodies of `/v1/keys`: the keys that sign grants. */
import { keyId, timeMs } from "./api_fields.ts";
import * as v from "../valibot.ts";

/** A key that signs grants. */
export interface GrantKey {
  /** The first 64 bits of the SHA-256 of the public key, in hex. */
  readonly id: string;
  /** The raw 32 bytes of the Ed25519 public key, in base64url. */
  readonly publicKey: string;
}

const grantKey = {
  id: keyId,
  publicKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
};

export const grantKeySchema: v.GenericSchema<GrantKey> = v.object(grantKey);

/** A key with its place in the rotation. */
export interface KeyEntry extends GrantKey {
  /** `coming`: nodes learn of the key; `signing`: it signs new grants; `old`: nodes still accept its grants. */
  readonly state: "coming" | "signing" | "old";
  /** When the key was made, in milliseconds since 1970. */
  readonly createdMs: number;
  /** From when the key signs, in milliseconds since 1970. */
  readonly signsFromMs: number;
  /** When nodes stop accepting the key, in milliseconds since 1970; null while that is open. */
  readonly dropMs: number | null;
}

/** The response of `GET /v1/keys` and `POST /v1/keys/rotate`. */
export interface KeyList {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The keys, newest first. */
  readonly keys: readonly KeyEntry[];
}

export const keyListSchema: v.GenericSchema<KeyList> = v.object({
  nowMs: timeMs,
  keys: v.array(v.object({
    ...grantKey,
    state: v.picklist(["coming", "signing", "old"]),
    createdMs: timeMs,
    signsFromMs: timeMs,
    dropMs: v.nullable(timeMs),
  })),
});
