/** The options of machines, and of commands in them. */

import type { CommandExit } from "./frames.ts";
import type { MachineImage } from "./image.ts";
import type { QemuSettings } from "./qemu.ts";

/** Options of a machine. */
export interface MachineOptions {
  /** Its host name. @default "one" */
  readonly name?: string;
  /** The address of the interface under its RDMA device. @default "10.77.0.1/24" */
  readonly address?: string;
  /** The MTU of that interface; RoCE uses the next lower power of two. @default 1500 */
  readonly mtu?: number;
  /** @default 3072 */
  readonly memoryMiB?: number;
  /** @default 2 */
  readonly cpus?: number;
  /** @default "tcg" */
  readonly accelerator?: "tcg" | "kvm";
  /** Boot timeout. @default 60000 */
  readonly bootTimeoutMs?: number;
  /** The connection to another machine. @default none: an interface without a peer */
  readonly link?: NonNullable<QemuSettings["link"]>;
  /** Ends the machine when aborted. */
  readonly signal?: AbortSignal;
  /** Receives the progress, as a line of text. @default console.error */
  readonly report?: (line: string) => void;
}

/** Options of a command. */
export interface SpawnOptions {
  /** @default that of this process */
  readonly cwd?: string;
  /** Added to {@link Machine.env}. */
  readonly env?: Record<string, string>;
  /** @default "null" */
  readonly stdin?: "piped" | "null";
}

/** Options of a command that runs to its end. */
export interface RunOptions extends Omit<SpawnOptions, "stdin"> {
  /** Its standard input. @default empty */
  readonly input?: string;
  /** Kills it when aborted. */
  readonly signal?: AbortSignal;
  /** Time limit. @default 120000 */
  readonly timeoutMs?: number;
}

/** The result of a command. */
export interface RunResult extends CommandExit {
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment variables of this process that are passed to the machine. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LC_.*|TZ|CI|NO_COLOR|FORCE_COLOR|DENO_.*|RFAAS_.*|XDG_CACHE_HOME)$/;

/** Returns the settings, with defaults. */
export function completed(
  image: MachineImage,
  options: MachineOptions,
  qmpPath: string,
): QemuSettings {
  const { name = "one", address = "10.77.0.1/24", mtu = 1500, link } = options;
  const { memoryMiB = 3072, cpus = 2, accelerator = "tcg" } = options;
  const settings = { image, name, address, mtu, memoryMiB, cpus, accelerator, qmpPath };
  return link ? { ...settings, link } : settings;
}

/** Returns the environment variables of this process that commands in the machine have. */
export function passedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => PASSED.test(name)),
  );
}
