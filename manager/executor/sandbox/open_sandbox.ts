/** Opens the sandbox of a node: the one that its owner chose, or the best that this host can start. */

import type { Libc } from "../../../ffi/libc.ts";
import { OsSandbox, type SandboxChoice } from "./os_sandbox.ts";
import { NO_LIMIT, ownLimits } from "./own_limits.ts";
import { DENO_INSIDE } from "./recipe.ts";
import type { RecipeName } from "./recipes.ts";

/** Chosen by `auto`: executors start in it as fast as without one, and it needs no daemon and no root. */
const BEST = "bubblewrap" satisfies RecipeName;
/** How long the trial may take. */
const TRIAL_MS = 10_000;

/** The sandbox of a node. */
export interface NodeSandbox {
  /** `undefined` if executors run without one. */
  readonly sandbox: OsSandbox | undefined;
  /** Why there is none, although the choice was `auto`. */
  readonly missing?: string;
}

/**
 * Opens the sandbox that `choice` names. `auto` is {@linkcode BEST} if a trial of it succeeds, and `none` otherwise. A
 * node that listens on RDMA also needs to have no limit of locked memory: a namespace of users takes the right to exceed it
 * from root.
 *
 * @param rdma whether the node listens on RDMA.
 * @throws {TypeError} when the choice is not `auto` and cannot be used.
 */
export async function openSandbox(
  libc: Libc,
  choice: SandboxChoice | "auto",
  stateDir: string,
  rdma = false,
): Promise<NodeSandbox> {
  if (choice !== "auto") return { sandbox: await OsSandbox.open(libc, choice, stateDir) };
  if (rdma && ownLimits(libc).memlock !== NO_LIMIT) {
    return {
      sandbox: undefined,
      missing:
        "Cannot choose a sandbox for a node with RDMA: locked memory is limited (ulimit -l unlimited)",
    };
  }
  try {
    const sandbox = await OsSandbox.open(libc, BEST, stateDir);
    await tryOut(sandbox!, rdma);
    return { sandbox };
  } catch (error) {
    return { sandbox: undefined, missing: (error as Error).message };
  }
}

/** Starts Deno in the sandbox once. @throws {Error} with its last line on standard error, if that fails. */
async function tryOut(sandbox: OsSandbox, rdma: boolean): Promise<void> {
  const { words: [program, ...args], env } = await sandbox.command({
    deno: Deno.execPath(),
    code: sandbox.folder,
    cache: sandbox.folder,
    executor: [DENO_INSIDE, "--version"],
    rdma,
    net: false,
    readable: [],
  });
  const { success, stderr } = await new Deno.Command(program!, {
    args,
    clearEnv: true,
    env,
    stdin: "null",
    signal: AbortSignal.timeout(TRIAL_MS),
  }).output();
  if (success) return;
  const last = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
  throw new Error(`Cannot use sandbox ${sandbox.name}: ${last || "its trial failed"}`);
}
