/**
 * Tokens: who may ask for what. The database holds hashes only; the text of each role's first token
 * lies in a private file, which is the one place it can be read.
 */
import { createHash } from "node:crypto";
import { toBase64Url } from "../../runtime/grant/grant_key.ts";
import { StateUnavailable } from "../state_dir.ts";
import type { Role, Store } from "./store.ts";

/** The files that hold the first token of each role. */
export type TokenFiles = Record<Role, string>;

const roles: readonly Role[] = ["operator", "node", "client"];

/**
 * Makes sure that each role has its token file and that the store knows the token in it. A file that
 * was deleted is made anew with another token, and the old one is void: that is how to change it.
 *
 * @throws {StateUnavailable} if a file holds something else.
 */
export async function openTokenFiles(
  store: Store,
  stateDir: string,
  nowMs: number,
): Promise<TokenFiles> {
  const entries = roles.map((role) => [role, `${stateDir}/${role}.token`] as const);
  for (const [role, path] of entries) {
    const token = await readToken(path, role) ?? await writeToken(path, role);
    const hash = hashToken(token);
    await store.transact((tx) => {
      if (tx.token(hash) === undefined) tx.replaceToken({ hash, role, name: role }, nowMs);
    });
  }
  return Object.fromEntries(entries) as TokenFiles;
}

/** The text of a new token of a role: 256 random bits. */
export function createTokenText(role: Role): string {
  return `rfaas_${role}_${toBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`;
}

/** What the store knows a token by: the SHA-256 of its text, hex. */
export function hashToken(token: string): string {
  // Every request is hashed: node:crypto takes 1 us, crypto.subtle 33.
  return createHash("sha256").update(token).digest("hex");
}

async function readToken(path: string, role: Role): Promise<string | undefined> {
  let text: string;
  try {
    text = (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (!new RegExp(`^rfaas_${role}_[A-Za-z0-9_-]{43}$`).test(text)) {
    throw new StateUnavailable(`Cannot use token file ${path}: it holds no ${role} token`);
  }
  await Deno.chmod(path, 0o600);
  return text;
}

async function writeToken(path: string, role: Role): Promise<string> {
  const token = createTokenText(role);
  // Written beside and renamed, so that a crash leaves no half token.
  const draft = `${path}.new`;
  await Deno.remove(draft).catch(() => {});
  await Deno.writeTextFile(draft, `${token}\n`, { createNew: true, mode: 0o600 });
  await Deno.rename(draft, path);
  return token;
}
