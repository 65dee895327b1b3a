/** Programs of Debian's packages for tests, unpacked and not installed, which would start a service. */

import { commandOutput } from "./vm/command_output.ts";

/** A program, and the package that has it. */
export interface UnpackedPackage {
  /** The name in Debian. */
  readonly name: string;
  /** The program, in `/usr/bin` of the package. */
  readonly program: string;
  /** The folder below `${XDG_CACHE_HOME}/rfaas`. */
  readonly folder: string;
}

export const ETCD: UnpackedPackage = { name: "etcd-server", program: "etcd", folder: "etcd" };
export const PROMETHEUS: UnpackedPackage = {
  name: "prometheus",
  program: "prometheus",
  folder: "prometheus",
};

/**
 * Returns the path of a program; undefined if this host has none.
 *
 * @param program of the package. @default the one that it is for
 */
export async function findProgram(
  unpacked: UnpackedPackage,
  program = unpacked.program,
): Promise<string | undefined> {
  for (const path of [program, `${folderOf(unpacked)}/usr/bin/${program}`]) {
    const found = await commandOutput([path, "--version"]).then(() => true, () => false);
    if (found) return path;
  }
  return undefined;
}

/** Unpacks a package into the cache if this host has no such program. Does nothing where there is no package of it. */
export async function unpack(
  unpacked: UnpackedPackage,
  report: (line: string) => void = console.error,
): Promise<void> {
  if (await findProgram(unpacked) !== undefined) return;
  const { name } = unpacked;
  const folder = folderOf(unpacked);
  report(`unpacking ${name}`);
  const work = await Deno.makeTempDir({ prefix: "rfaas-package-" });
  try {
    await commandOutput(["apt-get", "--quiet", "download", name], { cwd: work });
    await Deno.mkdir(folder, { recursive: true });
    await commandOutput(["sh", "-c", `dpkg-deb --extract ${name}_*.deb "$0"`, folder], {
      cwd: work,
    });
  } catch (error) {
    report(`${error instanceof Error ? error.message : error}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function folderOf({ folder }: UnpackedPackage): string {
  const base = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  return `${base}/rfaas/${folder}`;
}
