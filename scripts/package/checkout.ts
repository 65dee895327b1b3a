/** The checkout that packages are built from. */

import { commandOutput } from "../vm/command_output.ts";

export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** The number of files that differ from the last commit. */
export async function changedFiles(): Promise<number> {
  return (await git("status", "--porcelain")).split("\n").length - 1;
}

/** When the last commit was made, in seconds since 1970. */
export async function commitSeconds(): Promise<string> {
  return (await git("log", "-1", "--format=%ct")).trim();
}

/** Runs git in the checkout. */
export function git(...args: string[]): Promise<string> {
  return commandOutput(["git", ...args], { cwd: ROOT });
}
