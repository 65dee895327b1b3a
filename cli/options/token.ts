/**
 * Where a command takes its token from: a private file, the environment, or the terminal. Never an argument, which every
 * user of the host can read.
 */

import { readFile, readPrivateFile } from "./private_file.ts";
import { promptToken } from "./prompt_token.ts";

/**
 * Reads a token from the file, or else from RFAAS_TOKEN.
 *
 * @throws {TypeError} If there is none.
 */
export async function readToken(file: string | undefined): Promise<string> {
  const token = file === undefined ? Deno.env.get("RFAAS_TOKEN") : await readTokenFile(file);
  if (!token) throw noToken();
  return token;
}

/**
 * Reads a token from the file, or else from RFAAS_TOKEN, or else from the terminal.
 *
 * @throws {TypeError} If there is none.
 */
export async function readOrPromptToken(file: string | undefined): Promise<string> {
  // The prompt goes to standard output: if that is no terminal, it would become a part of the output.
  const canPrompt = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  if (file !== undefined || Deno.env.get("RFAAS_TOKEN") || !canPrompt) return await readToken(file);
  const token = promptToken().trim();
  if (!token) throw noToken();
  return token;
}

/** @throws {TypeError} If the file cannot be read, or is empty. */
export async function readTokenFile(file: string): Promise<string> {
  return tokenIn(file, await readFile("token file", file));
}

/**
 * Reads a token from a file that its owner alone can read, or else from RFAAS_TOKEN.
 *
 * @throws {TypeError} If there is none, others can read the file, or it belongs to another user.
 */
export async function readPrivateToken(file: string | undefined): Promise<string> {
  if (file === undefined) return await readToken(file);
  return tokenIn(file, await readPrivateFile("token file", file));
}

function tokenIn(file: string, text: string): string {
  const token = text.trim();
  if (token === "") throw new TypeError(`Cannot read token file ${file}: it is empty`);
  return token;
}

function noToken(): TypeError {
  return new TypeError("Cannot authenticate: no token, use --token-file or RFAAS_TOKEN");
}
