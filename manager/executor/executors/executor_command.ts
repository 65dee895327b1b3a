/** The command that starts an executor: Deno with the least permissions, in the node's sandbox if it has one. */

import { childEnvironment } from "../../../runtime/child_environment.ts";
import { type AllPermissions, hasPermissions } from "../../../runtime/permissions.ts";
import type { ExecutorBundle } from "./executor_bundle.ts";
import { CODE_INSIDE, DENO_INSIDE } from "../sandbox/recipe.ts";
import type { OsSandbox } from "../sandbox/os_sandbox.ts";

/** What a process must be started with: it can't get more later. */
export interface ExecutorNeeds {
  /** The memory of its worker's functions; it bounds the JavaScript heap. */
  readonly memoryBytes: number;
  readonly permissions: AllPermissions;
}

export interface ExecutorCommandOptions extends ExecutorNeeds {
  readonly bundle: ExecutorBundle;
  /** Its own folder for compiled code: executor_caches.ts. */
  readonly cache: string;
  /** The node's sandbox of the operating system, if it has one. */
  readonly sandbox?: OsSandbox | undefined;
  /** Whether leases may be over RDMA. */
  readonly rdma: boolean;
  /** A file of memory that all executors of the node share. */
  readonly shared?: string | undefined;
}

/** A program, and how to start it. */
export interface ExecutorCommand {
  readonly program: string;
  readonly options: Deno.CommandOptions;
}

export async function executorCommand(options: ExecutorCommandOptions): Promise<ExecutorCommand> {
  const { bundle, sandbox, memoryBytes, permissions } = options;
  const { net, read, env: names } = permissions;
  const deno = Deno.execPath();
  const outside = { code: bundle.folder, deno, cache: options.cache };
  const inside = { code: CODE_INSIDE, deno: DENO_INSIDE, cache: sandbox?.cacheInside ?? "" };
  const where = sandbox ? inside : outside;
  // Outside it is the working folder: a comma in its path would separate two entries.
  const readable = sandbox ? CODE_INSIDE : ".";
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
    `--allow-read=${[readable, ...read].join()}`,
    ...(net.length > 0 ? [`--allow-net=${net.join()}`] : []),
    ...(names.length > 0 ? [`--allow-env=${names.join()}`] : []),
    // Many npm packages probe variables and files while they load. A variable that is not there, or a file, reveals as
    // little as a refusal, and does not end them.
    "--ignore-env",
    "--ignore-read",
    `${where.code}/main.js`,
    ...(hasPermissions(permissions) ? [JSON.stringify(permissions)] : []),
  ];
  const env = { ...childEnvironment(names), DENO_DIR: where.cache };
  const command = await sandbox?.command({
    deno,
    code: bundle.folder,
    cache: options.cache,
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
      // A session of its own: signals of a terminal to a process group are for the manager, also while the executor boots.
      // The executor ends with its manager all the same (runtime/executor/main.ts).
      detached: true,
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    },
  };
}

/** The heap of each thread: the worker's memory, but never less than the runtime itself needs. Buffers do not count. */
export function heapMegabytes(memoryBytes: number): number {
  return Math.max(64, Math.floor(memoryBytes / 2 ** 20));
}
