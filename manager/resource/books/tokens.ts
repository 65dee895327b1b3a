/**
 * The texts of tokens. The store holds their hashes only. The text of each role's first token is in a private file, the
 * only place where it can be read.
 */
import { createHash } from "node:crypto";
import { toBase64Url } from "../../../runtime/grant/grant_key.ts";
import { StateUnavailableError } from "../../state_dir.ts";
import { BY_MANAGER, recordEvent } from "../record_event.ts";
import type { Role, Store, TokenRow, Transaction } from "../store/store.ts";

/** The files with the first token of each role. */
export type TokenFiles = Record<Role, string>;

/** All roles. */
export const ROLES: readonly Role[] = ["operator", "node", "client"];

/** The paths of the files in a state folder. */
export function tokenFilesIn(stateDir: string): TokenFiles {
  return Object.fromEntries(ROLES.map((role) => [role, `${stateDir}/${role}.token`])) as TokenFiles;
}

/**
 * Ensures that each role has a token file, and that the store has its token. A file that was deleted is created with a
 * new token, which replaces the old one: this is how an operator changes a first token.
 *
 * Where several managers share a store, it has the tokens, and the files follow it: a file of a manager that did not lead
 * may hold a token that was revoked since.
 *
 * @throws {StateUnavailableError} if a file does not hold a token of its role.
 */
export async function openTokenFiles(
  store: Store,
  stateDir: string,
  nowMs: number,
): Promise<TokenFiles> {
  const files = tokenFilesIn(stateDir);
  if (store.shared !== undefined) {
    // All at once: a new leader must not let requests wait longer than necessary.
    await Promise.all(ROLES.map((role) => writeSharedToken(store, files[role], role, nowMs)));
    return files;
  }
  for (const role of ROLES) {
    const path = files[role];
    const token = await readToken(path, role) ?? await writeToken(path, role);
    const hash = hashToken(token);
    await store.transact((tx) => {
      if (tx.token(hash) === undefined) putFirst(tx, { hash, role, name: role }, nowMs);
    });
  }
  return files;
}

/** The text of a new token: 256 random bits. */
export function createTokenText(role: Role): string {
  return `rfaas_${role}_${toBase64Url(crypto.getRandomValues(new Uint8Array(32)))}`;
}

/** The key of a token in the store: the SHA-256 of its text, in hex digits. */
export function hashToken(token: string): string {
  // Each request needs a hash: node:crypto takes 1 us, crypto.subtle 33.
  return createHash("sha256").update(token).digest("hex");
}

/**
 * Reads a token file. @returns undefined if there is none.
 *
 * @throws {StateUnavailableError} if it holds no token of the role.
 */
export async function readToken(path: string, role: Role): Promise<string | undefined> {
  let text: string;
  try {
    text = (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  if (!new RegExp(`^rfaas_${role}_[A-Za-z0-9_-]{43}$`).test(text)) {
    throw new StateUnavailableError(`Cannot use token file ${path}: it holds no ${role} token`);
  }
  await Deno.chmod(path, 0o600);
  return text;
}

async function writeSharedToken(
  store: Store,
  path: string,
  role: Role,
  nowMs: number,
): Promise<void> {
  const draft = createTokenText(role);
  const row = { hash: hashToken(draft), role, name: role, text: draft };
  const [text, present] = await Promise.all([
    store.transact((tx) => {
      const known = tx.tokens().find((token) => token.role === role && token.name === role)?.text;
      if (known === undefined) putFirst(tx, row, nowMs);
      return known ?? draft;
    }),
    Deno.readTextFile(path).catch(() => undefined),
  ]);
  // A new leader must not let requests wait for files that are as they should be.
  if (present?.trim() !== text) await writeToken(path, role, text);
}

/** Stores the first token of a role. It replaces another one whose file was deleted. */
function putFirst(tx: Transaction, token: TokenRow, nowMs: number): void {
  tx.replaceToken(token, nowMs);
  const { role, name } = token;
  recordEvent(tx, "token-created", nowMs, BY_MANAGER, { token: name, message: `role ${role}` });
}

/** Writes a token file, which only its owner can read. */
export async function writeToken(
  path: string,
  role: Role,
  token: string = createTokenText(role),
): Promise<string> {
  // Written to another file and renamed, so that a crash leaves no partial token.
  const draft = `${path}.new`;
  await Deno.remove(draft).catch(() => {});
  await Deno.writeTextFile(draft, `${token}\n`, { createNew: true, mode: 0o600 });
  await Deno.rename(draft, path);
  return token;
}
