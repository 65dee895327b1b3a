/** How machines are made, and how commands run in them. */

import type { CommandExit } from "./frames.ts";
import type { MachineImage } from "./image.ts";
import type { QemuSettings } from "./qemu.ts";

/** How a machine is made. */
export interface MachineOptions {
  /** Its host name. @default "one" */
  readonly name?: string;
  /** Of the interface under its RDMA device. @default "10.77.0.1/24" */
  readonly address?: string;
  /** The largest packet there; RoCE takes the next lower power of two. @default 1500 */
  readonly mtu?: number;
  /** @default 3072 */
  readonly memoryMiB?: number;
  /** @default 2 */
  readonly cpus?: number;
  /** @default "tcg" */
  readonly accelerator?: "tcg" | "kvm";
  /** How long it may take to come up. @default 60000 */
  readonly bootTimeoutMs?: number;
  /** The cable to another machine. @default none: an interface that leads nowhere */
  readonly link?: NonNullable<QemuSettings["link"]>;
  /** Ends the machine when aborted. */
  readonly signal?: AbortSignal;
  /** What is being done, as a line of text. @default console.error */
  readonly tell?: (line: string) => void;
}

/** How a command is run. */
export interface SpawnOptions {
  /** @default that of this process */
  readonly cwd?: string;
  /** Added to {@link Machine.env}. */
  readonly env?: Record<string, string>;
  /** @default "null" */
  readonly stdin?: "piped" | "null";
}

/** How a command is run to its end. */
export interface RunOptions extends Omit<SpawnOptions, "stdin"> {
  /** What it reads on its standard input. @default nothing */
  readonly input?: string;
  /** Kills it when aborted. */
  readonly signal?: AbortSignal;
  /** How long it may take. @default 120000 */
  readonly timeoutMs?: number;
}

/** What a command has done. */
export interface RunResult extends CommandExit {
  readonly stdout: string;
  readonly stderr: string;
}

/** What of this process's environment is the same in the machine. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|LANG|LC_.*|TZ|CI|NO_COLOR|FORCE_COLOR|DENO_.*|RFAAS_.*|XDG_CACHE_HOME)$/;

/** Fills in what is not given. */
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

/** @returns what commands in the machine get of the environment of this process. */
export function passedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => PASSED.test(name)),
  );
}
