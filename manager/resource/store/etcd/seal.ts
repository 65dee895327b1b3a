/**
 * Encrypts the secrets of the rows: any reader of etcd, or of a backup of it, could otherwise sign grants. The managers
 * share the key by a file, which etcd never has.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { fromBase64Url, toBase64Url } from "../../../../runtime/grant/grant_key.ts";
import { StateUnavailableError } from "../../../state_dir.ts";

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A key for secrets. */
export class Seal {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  /**
   * Reads the key file, or creates it with mode 0600.
   *
   * @throws {StateUnavailableError} if it holds no key.
   */
  static async open(path: string): Promise<Seal> {
    try {
      const draft = toBase64Url(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
      await Deno.writeTextFile(path, `${draft}\n`, { createNew: true, mode: 0o600 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    const text = (await Deno.readTextFile(path)).trim();
    if (!/^[A-Za-z0-9_-]{43}$/.test(text)) {
      throw new StateUnavailableError(`Cannot use key file ${path}: it holds no key of 256 bits`);
    }
    return new Seal(fromBase64Url(text));
  }

  /** @param place where the secret is kept. It opens nowhere else. */
  close(secret: string, place: string): string {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce);
    cipher.setAAD(Buffer.from(place));
    const parts = [cipher.update(secret, "utf8"), cipher.final()];
    return Buffer.concat([nonce, ...parts, cipher.getAuthTag()]).toString("base64url");
  }

  /** @throws {StateUnavailableError} if it was closed with another key or for another place. */
  open(sealed: string, place: string): string {
    const bytes = Buffer.from(sealed, "base64url");
    const tagAt = bytes.length - TAG_BYTES;
    try {
      const decipher = createDecipheriv(ALGORITHM, this.#key, bytes.subarray(0, NONCE_BYTES));
      decipher.setAAD(Buffer.from(place));
      decipher.setAuthTag(bytes.subarray(tagAt));
      const secret = decipher.update(bytes.subarray(NONCE_BYTES, tagAt), undefined, "utf8");
      return secret + decipher.final("utf8");
    } catch (cause) {
      throw new StateUnavailableError(
        "Cannot open state: etcd has secrets of another key; copy store.key from the state folder of a resource manager " +
          "that uses this store",
        { cause },
      );
    }
  }
}
