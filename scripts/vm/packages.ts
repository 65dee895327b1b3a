/** The system packages that the virtual machine and the tests inside it need. */

import { commandOutput } from "./command_output.ts";

/** Debian's names. */
export const PACKAGES: readonly string[] = [
  "qemu-system-x86", // the machine
  "busybox-static", // its first programs
  "cpio",
  "kmod",
  "xz-utils",
  "iproute2", // its network, and `rdma`
  "util-linux", // setpriv, prlimit
  "rdma-core", // verbs, their devices' libraries and their tools
  "ibverbs-providers",
  "libibverbs1",
  "librdmacm1",
  "ibverbs-utils",
  "rdmacm-utils",
  "perftest",
  "libibverbs-dev", // what the layout test compares with
  "librdmacm-dev",
  "gcc",
  "libc6-dev",
];

/** How long another package manager that runs at the same time is waited for. */
const LOCK_SECONDS = 120;

/** The system lacks something that this program cannot put in place. */
export class MissingPackagesError extends Error {
  override readonly name = "MissingPackagesError";
}

/**
 * Puts the packages in place: asks which are missing, and installs these.
 *
 * @param packages Debian's names.
 * @param tell what is being done, as a line of text.
 * @throws {MissingPackagesError} where they cannot be installed from here, with the command to run.
 */
export async function installPackages(
  packages: readonly string[] = PACKAGES,
  tell: (line: string) => void = console.error,
): Promise<void> {
  await requireDebian();
  const missing = await missingPackages(packages);
  if (missing.length === 0) return;
  if (Deno.uid() !== 0) {
    throw new MissingPackagesError(
      `Cannot install packages: not the superuser. Run: sudo apt-get update && ` +
        `sudo apt-get install --yes --no-install-recommends ${missing.join(" ")}`,
    );
  }
  tell(`installing ${missing.join(" ")}`);
  await updatePackageLists();
  await apt("install", "--yes", "--no-install-recommends", ...missing);
}

/** @returns which of the packages are not installed. */
async function missingPackages(packages: readonly string[]): Promise<string[]> {
  // dpkg-query fails if it knows nothing of one of them, and still tells of the others.
  const { stdout } = await new Deno.Command("dpkg-query", {
    args: ["--show", "--showformat=${db:Status-Status} ${Package}\\n", ...packages],
    stdin: "null",
    stderr: "null",
  }).output();
  const lines = new Set(new TextDecoder().decode(stdout).split("\n"));
  return packages.filter((name) => !lines.has(`installed ${name}`));
}

/** Asks the mirrors what there is; needs the superuser. */
export async function updatePackageLists(): Promise<void> {
  await apt("update");
}

async function apt(...args: string[]): Promise<void> {
  await commandOutput(
    ["apt-get", "--quiet", "-o", `DPkg::Lock::Timeout=${LOCK_SECONDS}`, ...args],
    { env: { DEBIAN_FRONTEND: "noninteractive" } },
  );
}

async function requireDebian(): Promise<void> {
  if (Deno.build.os !== "linux" || Deno.build.arch !== "x86_64") {
    throw new MissingPackagesError(
      `Cannot prepare a virtual machine on ${Deno.build.os} ${Deno.build.arch}: ` +
        "it needs Linux on x86_64",
    );
  }
  try {
    await commandOutput(["apt-get", "--version"]);
    await commandOutput(["dpkg-query", "--version"]);
  } catch (cause) {
    throw new MissingPackagesError(
      "Cannot install packages: there is no apt-get. Use Debian or a system derived from it",
      { cause },
    );
  }
}
