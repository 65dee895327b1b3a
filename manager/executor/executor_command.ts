/** The command that starts an executor: Deno with the least permissions, in the node's sandbox if it has one. */

import { type AllPermissions, hasPermissions } from "../../runtime/permissions.ts";
import type { ExecutorBundle } from "./executor_bundle.ts";
import { CODE_INSIDE, DENO_INSIDE, ROOM_INSIDE } from "./sandbox/recipe.ts";
import type { OsSandbox } from "./sandbox/os_sandbox.ts";

/** What a process must be started with: it can't be given more later. */
export interface ExecutorNeeds {
  /** The lease's memory; it bounds the JavaScript heap. */
  readonly memoryBytes: number;
  readonly permissions: AllPermissions;
}

export interface ExecutorCommandOptions extends ExecutorNeeds {
  readonly bundle: ExecutorBundle;
  /** The node's sandbox of the operating system, if it has one. */
  readonly sandbox?: OsSandbox | undefined;
  /** Whether leases may be over RDMA. */
  readonly rdma: boolean;
  /** A file of memory that all executors of the node share. */
  readonly shared?: string | undefined;
}

/** A process to be: its program, and how it is started. */
export interface ExecutorCommand {
  readonly program: string;
  readonly options: Deno.CommandOptions;
}

export async function executorCommand(options: ExecutorCommandOptions): Promise<ExecutorCommand> {
  const { bundle, sandbox, memoryBytes, permissions } = options;
  const { net, read, env: names } = permissions;
  const deno = Deno.execPath();
  const outside = { code: bundle.folder, deno, cache: `${bundle.folder}/cache` };
  const inside = { code: CODE_INSIDE, deno: DENO_INSIDE, cache: `${ROOM_INSIDE}/deno` };
  const where = sandbox ? inside : outside;
  const executor = [
    where.deno,
    "run",
    "--quiet",
    "--no-prompt",
    "--no-npm",
    "--no-remote",
    "--no-config",
    "--no-lock",
    "--unstable-worker-options",
    `--v8-flags=--max-old-space-size=${heapMegabytes(memoryBytes)}`,
    "--allow-ffi",
    `--allow-read=${[where.code, ...read].join()}`,
    ...(net.length > 0 ? [`--allow-net=${net.join()}`] : []),
    ...(names.length > 0 ? [`--allow-env=${names.join()}`] : []),
    `${where.code}/main.js`,
    ...(hasPermissions(permissions) ? [JSON.stringify(permissions)] : []),
  ];
  const env = {
    ...environment(names),
    DENO_DIR: where.cache,
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
  };
  const command = await sandbox?.command({
    deno,
    code: bundle.folder,
    executor,
    rdma: options.rdma,
    net: net.length > 0,
    readable: read,
    shared: options.shared,
  }) ?? { words: executor, env: {} };
  const [program, ...args] = command.words;
  return {
    program: program!,
    options: {
      args,
      cwd: bundle.folder,
      clearEnv: true,
      env: { ...env, ...command.env },
      // A session of its own: what a terminal sends to a process group is for the manager, also while this one boots. It
      // ends with its manager all the same (runtime/executor/main.ts).
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    },
  };
}

/** These variables as this process has them. */
function environment(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** The heap of each thread: the lease's memory, but never less than the runtime itself needs. Buffers do not count. */
export function heapMegabytes(memoryBytes: number): number {
  return Math.max(64, Math.floor(memoryBytes / 2 ** 20));
}
