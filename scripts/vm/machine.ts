/**
 * Boots one virtual machine, or two that are connected.
 *
 * @module
 */
import { type MachineImage, machineImage } from "./image.ts";
import { BootTimeoutError } from "./errors.ts";
import { Machine } from "./running_machine.ts";
import type { MachineOptions } from "./machine_options.ts";
import { installPackages } from "./packages.ts";

export type { Machine, MachineOptions };

/** The two machines of {@link bootPair}. */
export class MachinePair implements AsyncDisposable {
  constructor(readonly one: Machine, readonly two: Machine) {}

  /** Ends both. May be called twice. */
  async close(): Promise<void> {
    await Promise.all([this.one.close(), this.two.close()]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Installs the packages, builds the image, and boots.
 *
 * @returns The machine, ready to run commands.
 * @throws {BootError} If the machine does not boot; the message has the end of its console.
 * @throws {MissingPackagesError} If the packages cannot be installed.
 */
export async function bootMachine(options: MachineOptions = {}): Promise<Machine> {
  const image = await preparedImage(options);
  const [machine] = await booted(options, async () => [await Machine.start(image, options)]);
  return machine!;
}

/**
 * Boots two machines, "one" at 10.77.0.1 and "two" at 10.77.0.2, whose RDMA devices reach each other.
 *
 * @throws {BootError} If one of them does not boot. The other one is ended.
 * @throws {MissingPackagesError} If the packages cannot be installed.
 */
export async function bootPair(
  options: Omit<MachineOptions, "name" | "address" | "link"> = {},
): Promise<MachinePair> {
  const image = await preparedImage(options);
  const folder = await Deno.makeTempDir({ prefix: "rfaas-vm-" });
  const end = (number: number, waits: boolean): MachineOptions => ({
    ...options,
    name: ["one", "two"][number - 1]!,
    address: `10.77.0.${number}/24`,
    link: { path: `${folder}/cable`, waits, mac: `52:54:00:77:00:0${number}` },
  });
  try {
    const [one, two] = await booted(options, async () => {
      // In this order: the second connects to the first, which listens once it runs.
      const first = await Machine.start(image, end(1, true));
      return [first, await Machine.start(image, end(2, false))];
    });
    return new MachinePair(one!, two!);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function preparedImage({ report }: MachineOptions): Promise<MachineImage> {
  await installPackages(undefined, report);
  return await machineImage(undefined, report);
}

/**
 * Starts machines and waits until all are ready. An emulated machine rarely hangs before the first line of its kernel, so
 * a boot that exceeds the default timeout is tried once more.
 */
async function booted(
  options: MachineOptions,
  start: () => Promise<Machine[]>,
): Promise<Machine[]> {
  const { bootTimeoutMs, report = console.error } = options;
  const machines = await start();
  try {
    await ready(machines, options);
    return machines;
  } catch (error) {
    if (!(error instanceof BootTimeoutError) || bootTimeoutMs !== undefined) throw error;
    report(`${error.message}\nIt is booted once more`);
  }
  const again = await start();
  await ready(again, options);
  return again;
}

/** Waits until all machines are ready. Ends all if one fails. */
async function ready(machines: Machine[], options: MachineOptions): Promise<void> {
  const { bootTimeoutMs, report = console.error } = options;
  try {
    await Promise.all(machines.map((machine) => machine.ready(bootTimeoutMs)));
  } catch (error) {
    await Promise.all(machines.map((machine) => machine.close()));
    throw error;
  }
  for (const { name, bootMs, factor, kernel } of machines) {
    report(
      `soft-RoCE machine ${name} booted in ${(bootMs / 1000).toFixed(1)} s, ` +
        `${factor.toFixed(1)} times slower than this host, kernel ${kernel}`,
    );
  }
}
