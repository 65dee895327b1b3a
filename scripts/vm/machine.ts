/**
 * Boots one machine, or two that are joined by a cable.
 *
 * @module
 */
import { type MachineImage, machineImage } from "./image.ts";
import { Machine } from "./running_machine.ts";
import type { MachineOptions } from "./machine_options.ts";
import { installPackages } from "./packages.ts";

export type { Machine, MachineOptions };

/** Two machines: what {@link bootPair} gives. */
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
 * Puts the packages and the image in place, and boots.
 *
 * @returns the machine, ready to run commands.
 * @throws {BootError} with the end of its console, if it does not come up.
 * @throws {MissingPackagesError} if the system lacks what it needs.
 */
export async function bootMachine(options: MachineOptions = {}): Promise<Machine> {
  const machine = await Machine.start(await preparedImage(options), options);
  await ready([machine], options);
  return machine;
}

/**
 * Boots two machines, "one" at 10.77.0.1 and "two" at 10.77.0.2, whose RDMA devices reach each other.
 *
 * @throws {BootError} if one of them does not come up; the other is ended then.
 * @throws {MissingPackagesError} if the system lacks what it needs.
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
    // In this order: the second connects to the first, which is there once it has power.
    const one = await Machine.start(image, end(1, true));
    const two = await Machine.start(image, end(2, false));
    await ready([one, two], options);
    return new MachinePair(one, two);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function preparedImage({ tell }: MachineOptions): Promise<MachineImage> {
  await installPackages(undefined, tell);
  return await machineImage(undefined, tell);
}

/** All of them, or none. */
async function ready(machines: Machine[], options: MachineOptions): Promise<void> {
  const { bootTimeoutMs, tell = console.error } = options;
  try {
    await Promise.all(machines.map((machine) => machine.ready(bootTimeoutMs)));
  } catch (error) {
    await Promise.all(machines.map((machine) => machine.close()));
    throw error;
  }
  for (const { name, bootMs, factor, kernel } of machines) {
    tell(
      `soft-RoCE machine ${name} booted in ${(bootMs / 1000).toFixed(1)} s, ` +
        `${factor.toFixed(1)} times slower than this host, kernel ${kernel}`,
    );
  }
}
