/** The command that starts an executor: Deno with the least permissions, in the node's sandbox if it has one. */

import type { ExecutorBundle } from "./executor_bundle.ts";
import { CODE_INSIDE, DENO_INSIDE, ROOM_INSIDE } from "./sandbox/recipe.ts";
import type { OsSandbox } from "./sandbox/os_sandbox.ts";

export interface ExecutorCommandOptions {
  readonly bundle: ExecutorBundle;
  /** The lease's memory; it bounds the JavaScript heap. */
  readonly memoryBytes: number;
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
  const { bundle, sandbox, memoryBytes } = options;
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
    `--allow-read=${where.code}`,
    `${where.code}/main.js`,
  ];
  const env = { DENO_DIR: where.cache, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
  const command = await sandbox?.command({
    deno,
    code: bundle.folder,
    executor,
    rdma: options.rdma,
    net: false,
    readable: [],
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

/** The heap of each thread: the lease's memory, but never less than the runtime itself needs. Buffers do not count. */
export function heapMegabytes(memoryBytes: number): number {
  return Math.max(64, Math.floor(memoryBytes / 2 ** 20));
}
